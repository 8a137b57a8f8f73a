"""Reviewing: everybody is approved, nobody rejected unnamed, excluded ones replaced once."""

import contextlib
from decimal import Decimal

import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.collecting.reviewing import Wishes, review
from glimpse.mturk.collecting.status import by_batch, survey
from glimpse.mturk.publishing.client import Requester
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.mturk.publishing.publication import PublicationSettings, published_hits
from glimpse.mturk.publishing.publishing import publish
from tests.mturk.client.conftest import Nowhere


def put_out(study, server, name="local"):
    hits = publish(
        study,
        server.requester(name),
        Nowhere(),
        lambda _: None,
        PublicationSettings(in_nines=name != "local"),
    )
    return [hit.hit_id for hit in hits]


def ledger_of(study, name="local"):
    return Ledger(ledger_path(study.folder, name))


def run(study, server, name="local", requester=None, dry_run=False, **wishes):
    said = []

    def confirm(plan):
        said.append(plan)
        return True

    requester = requester or server.requester(name)
    plan = review(study, requester, ledger_of(study, name), Wishes(**wishes), confirm, dry_run=dry_run)
    assert said == [plan]
    return plan


def statuses(server):
    rows = server.site.store.read(lambda tx: tx.all("SELECT assignment_id, status FROM assignments"))
    return {row["assignment_id"]: row["status"] for row in rows}


def bonuses(server):
    rows = server.site.store.read(lambda tx: tx.all("SELECT assignment_id, amount, reason FROM bonuses"))
    return [tuple(row) for row in rows]


def test_everybody_is_approved_excluded_ones_too(study, server):
    one, two = put_out(study, server)
    names = [
        server.submit(study, one, "ann"),
        server.submit(study, one, "bob", wrong=2),
        server.submit(study, two, "cid", answer="<a/>"),
    ]
    plan = run(study, server)
    assert (len(plan.approve), plan.excluded, plan.unreplaced, plan.total_usd) == (3, 2, 2, 0)
    assert statuses(server) == dict.fromkeys(names, "Approved")
    assert not run(study, server).approve


def test_a_dry_run_changes_nothing(study, server):
    one, _ = put_out(study, server)
    name = server.submit(study, one, "bob", wrong=1)
    before = ledger_path(study.folder, "local").read_bytes()
    plan = run(study, server, dry_run=True, replace=True, bonus_usd=Decimal("0.50"))
    assert (len(plan.approve), plan.replacements, len(plan.bonus)) == (1, 1, 1)
    assert statuses(server) == {name: "Submitted"}
    assert ledger_path(study.folder, "local").read_bytes() == before


def test_only_named_assignments_are_rejected_and_may_be_approved_after_all(study, server):
    one, _ = put_out(study, server)
    ann, bob = server.submit(study, one, "ann"), server.submit(study, one, "bob")
    run(study, server, reject=(bob,), reason="Empty.")
    assert statuses(server) == {ann: "Approved", bob: "Rejected"}
    run(study, server, reject=(bob,), reason="Empty.")
    with pytest.raises(
        GlimpseError, match=rf"^--reject {ann}: it is approved already, which cannot be taken back"
    ):
        run(study, server, reject=(ann,), reason="x")
    with pytest.raises(
        GlimpseError, match=r"^--reject 3X: this study has no submitted assignment of that id"
    ):
        run(study, server, reject=("3X",), reason="x")
    run(study, server, overturn=(bob,))
    assert statuses(server) == {ann: "Approved", bob: "Approved"}


def test_excluded_assignments_get_new_places_once(study, server):
    one, two = put_out(study, server)
    server.submit(study, one, "ann", wrong=1)
    server.submit(study, one, "bob", wrong=2)
    server.submit(study, two, "cid")
    plan = run(study, server, replace=True)
    assert [(one.before, one.places) for one in plan.grow] == [(3, 5)]
    assert (plan.reward_usd, plan.fees_usd) == (Decimal("2.00"), 0)
    assert [row["max_assignments"] for row in server.hits()] == [5, 3]
    assert run(study, server, replace=True).replacements == 0
    assert [row["max_assignments"] for row in server.hits()] == [5, 3]


def test_where_fees_are_taken_no_part_grows_to_ten(large_study, server):
    ids = put_out(large_study, server, "sandbox")
    for n in range(9):
        server.submit(large_study, ids[0], f"w{n}", wrong=n % 2)
    server.submit(large_study, ids[1], "x", wrong=1)
    for n in range(8):
        server.submit(large_study, ids[2], f"v{n}", wrong=1)
    plan = run(large_study, server, "sandbox", replace=True)
    assert [(added.before, added.places) for added in plan.grow] == [(2, 7), (2, 9)]
    assert [(part.hit, part.number, part.places) for part in plan.create] == [("b1-h02", 3, 1)]
    assert (plan.reward_usd, plan.fees_usd) == (Decimal("13.00"), Decimal("2.60"))
    assert [row["max_assignments"] for row in server.hits()] == [9, 7, 9, 9, 1]
    assert server.hits()[-1]["annotation"] == f"glimpse:{large_study.study}:b1:b1-h02.3"
    assert run(large_study, server, "sandbox", replace=True).replacements == 0


def test_a_hit_that_may_not_grow_gets_a_new_part(study, server):
    one, _ = put_out(study, server)
    server.submit(study, one, "ann", wrong=1)
    requester = server.requester()

    class Refusing(Requester):
        def call(self, operation, **arguments):
            if operation == "CreateAdditionalAssignmentsForHIT":
                arguments["NumberOfAdditionalAssignments"] = 7  # to ten, which the server refuses
            return super().call(operation, **arguments)

    run(study, server, requester=Refusing(requester.endpoint, requester.client), replace=True)
    assert [(row["annotation"].split(":")[3], row["max_assignments"]) for row in server.hits()] == [
        ("b1-h01", 3), ("b1-h02", 3), ("b1-h01.2", 1)]  # fmt: skip
    assert run(study, server, replace=True).replacements == 0


def test_a_worker_who_did_two_hits_of_a_batch_counts_once(study, server):
    one, two = put_out(study, server)
    server.submit(study, one, "ann")
    server.change(lambda tx: tx.run("DELETE FROM qualifications"))
    server.submit(study, two, "ann")
    states = survey(study, server.requester(), ledger_of(study))
    assert [one.excluded for state in states for one in state.submitted] == [False, True]


def test_a_bonus_is_paid_once(study, server):
    one, _ = put_out(study, server)
    ann, bob = server.submit(study, one, "ann"), server.submit(study, one, "bob")
    plan = run(study, server, bonus_usd=Decimal("0.50"))
    assert (len(plan.bonus), plan.bonus_usd) == (2, Decimal("1.00"))
    assert not run(study, server, bonus_usd=Decimal("0.5")).bonus
    path = ledger_path(study.folder, "local")
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "bonus" not in line))
    assert not run(study, server, bonus_usd=Decimal("0.50")).bonus  # the endpoint remembers, too
    run(study, server, bonus_usd=Decimal("0.25"), bonus_to=(bob,), bonus_reason="More.")
    assert sorted(bonuses(server)) == sorted(
        [
            (ann, "0.50", "Thank you for your careful work."),
            (bob, "0.50", "Thank you for your careful work."),
            (bob, "0.25", "More."),
        ]
    )


class Killed(BaseException):
    pass


class Mortal(Requester):
    def __init__(self, requester, steps):
        super().__init__(requester.endpoint, requester.client)
        self.steps = steps

    def tick(self):
        self.steps -= 1
        if self.steps == 0:
            raise Killed

    def call(self, operation, **arguments):
        self.tick()
        answer = super().call(operation, **arguments)
        self.tick()
        return answer


@pytest.mark.parametrize("forget", [False, True], ids=["token known", "a day later"])
def test_killed_at_every_call_nothing_is_paid_twice(large_study, server, forget):
    ids = put_out(large_study, server, "sandbox")
    names = [server.submit(large_study, ids[0], f"w{n}", wrong=1) for n in range(8)]
    wishes = {"replace": True, "bonus_usd": Decimal("0.50")}
    for steps in range(1, 200):
        mortal = Mortal(server.requester("sandbox"), steps)
        with contextlib.suppress(Killed):
            run(large_study, server, "sandbox", requester=mortal, **wishes)
        if forget:
            server.change(lambda tx: tx.run("DELETE FROM tokens"))
        if mortal.steps > 0:
            break
    assert steps > 20
    assert statuses(server) == dict.fromkeys(names, "Approved")
    assert sorted(name for name, _, _ in bonuses(server)) == sorted(names)
    assert [row["max_assignments"] for row in server.hits()] == [9, 9, 9, 2, 1]
    ledger = ledger_of(large_study, "sandbox")
    assert not ledger.pending
    assert len(published_hits(ledger)) == 5


def test_expired_places_can_be_opened_again(study, server):
    put_out(study, server)
    server.shift_s = 8 * 86_400
    states = survey(study, server.requester(), ledger_of(study))
    (batch,) = by_batch(states, Decimal(1), fees=False)
    assert (batch.open, batch.expired_places) == (0, 6)
    server.shift_s = 0
    for row in server.hits():
        server.requester().call("UpdateExpirationForHIT", HITId=row["hit_id"], ExpireAt=0)
    assert len(run(study, server, extend_days=7.0).extend) == 2
    (batch,) = by_batch(survey(study, server.requester(), ledger_of(study)), Decimal(1), fees=False)
    assert (batch.open, batch.expired_places) == (6, 0)


def test_status_counts_what_is_and_what_was_paid(large_study, server):
    ids = put_out(large_study, server, "sandbox")
    ann = server.submit(large_study, ids[0], "ann", wrong=1)
    server.submit(large_study, ids[1], "bob")
    requester = server.requester("sandbox")
    requester.call("ApproveAssignment", AssignmentId=ann)
    bonus = {"WorkerId": server.worker("ann"), "AssignmentId": ann, "BonusAmount": "0.50", "Reason": "x"}
    requester.call("SendBonus", **bonus)
    states = survey(large_study, requester, ledger_of(large_study, "sandbox"))
    (batch,) = by_batch(states, Decimal("1.00"), fees=True)
    assert (batch.hits, batch.places, batch.open, batch.out) == (2, 22, 20, 0)
    assert (batch.submitted, batch.approved, batch.rejected, batch.excluded) == (1, 1, 0, 1)
    assert batch.paid_usd == Decimal("1.80")


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"reject": ("A",)}, "--reject needs --reason TEXT: whoever is refused payment is told why"),
        ({"reason": "x"}, "--reason goes with --reject ASSIGNMENT_ID; nobody is rejected unless named"),
        ({"bonus_to": ("A",)}, "--bonus-to needs --bonus USD, the amount for each"),
        *(
            (
                {"bonus_usd": Decimal(bonus)},
                f"--bonus {bonus}: an amount in dollars and cents above 0 and at most 10000, such as 0.50",
            )
            for bonus in ("0", "0.501", "10000.01", "1E+30")
        ),
        ({"extend_days": 400.0}, "--extend 400: allowed are 0.05 to 365 days"),
    ],
)
def test_wishes_that_contradict_are_refused(wishes, message):
    with pytest.raises(GlimpseError) as caught:
        Wishes(**wishes)
    assert str(caught.value) == message
