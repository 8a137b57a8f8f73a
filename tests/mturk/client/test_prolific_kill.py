"""The client of Prolific is killed at every request: nothing is made twice, nobody is paid twice."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.recruiting.books import opened
from glimpse.mturk.recruiting.client import OutcomeUnknownError, ProlificError
from glimpse.mturk.recruiting.draft import Recruitment
from glimpse.mturk.recruiting.own_side import PanelArrival
from glimpse.mturk.recruiting.publishing import Recruiter, account, quote
from glimpse.mturk.recruiting.reviewing import (
    PanelReviewer,
    PanelWishes,
    UnpaidOrPaidError,
    decide,
    pairs_of,
    plan,
    undecided,
)
from tests.mturk.client.prolific import URL, KilledError, Wire

WANTED = Recruitment(
    3, Decimal("1.00"), 5, 30, "https://s.example.org/join/s?PROLIFIC_PID={{%PROLIFIC_PID%}}", ""
)
EARLIER = ["a" * 24, "b" * 24]
BONUS = PanelWishes(bonus=Decimal("0.50"), bonus_reason="thanks", replace=True)


class OwnSide:
    """Our own server, as far as recruiting asks it."""

    def __init__(self):
        self.here, self.told = [], {}

    def set_panel(self, name, settings):
        self.told[name] = settings

    def arrivals(self):
        return self.here

    def finished(self, submission, number):
        self.here.append(
            PanelArrival(f"A{number}", f"W{number}", "Submitted", "h1", "prolific", submission["participant"],
                    submission["id"], submission["study_id"], signed=False)
        )  # fmt: skip


def publish(study, wire, own, places=3):
    """What `publish --to prolific --places N` asks of Prolific."""
    with wire.client() as client, opened(study, URL) as ledger:
        recruiter = Recruiter(study, client, ledger)
        owner = account(client)
        quote(client, owner, WANTED.reward, places, places)
        found = recruiter.draft(WANTED, owner, EARLIER)
        recruiter.tell_server(own)
        if found["total_available_places"] != places:
            recruiter.grow(places, "asked")
        return recruiter.publish()


def review(study, wire, own, wishes=BONUS):
    """What `review --bonus --replace` asks of Prolific; the first of our assignments is excluded."""
    with wire.client() as client, opened(study, URL) as ledger:
        reviewer = PanelReviewer(study, client, ledger, wishes)
        reviewer.settle()
        reviewer.execute(plan(pairs_of(client, ledger, own), wishes, ledger))


def people(wire, own, count=3):
    (found,) = wire.fake.studies.values()
    code = next(row["code"] for row in found["completion_codes"] if row["code_type"] == "COMPLETED")
    for number in range(count):
        one = wire.fake.take(found["id"], f"{number:024x}")
        own.finished(one, number)
        wire.fake.complete(one["id"], code)


def to_the_end(action, study, wire):
    """Run until it ends; a payment whose end is not known is decided by looking at who has it."""
    for _ in range(5):
        try:
            action()
        except UnpaidOrPaidError:
            with opened(study, URL) as ledger:
                for line in undecided(ledger):
                    has = [wire.fake.submissions[name]["bonus_payments"] for name in line["submissions"]]
                    decide(ledger, line["bulk_id"], paid=any(has))
        except OutcomeUnknownError:
            continue
        else:
            return
    raise AssertionError("it never ended")


def check(wire, places):
    (found,) = wire.fake.studies.values()
    assert (found["status"], found["total_available_places"]) == ("ACTIVE", places)
    assert len(wire.fake.groups) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_publishing(study, when):
    whole = Wire()
    publish(study, whole, OwnSide(), 4)
    check(whole, 4)
    requests = len(whole.sent)
    (study.folder / "published" / "prolific.jsonl").unlink()
    for number in range(1, requests + 1):
        wire, own = Wire(), OwnSide()
        wire.kill(number, when)
        with pytest.raises(KilledError):
            publish(study, wire, own, 4)
        to_the_end(lambda wire=wire, own=own: publish(study, wire, own, 4), study, wire)
        check(wire, 4)
        assert wire.fake.balance == whole.fake.balance
        (study.folder / "published" / "prolific.jsonl").unlink()


def reviewed(study):
    """A published study whose three people have finished."""
    wire, own = Wire(), OwnSide()
    (study.folder / "published" / "prolific.jsonl").unlink(missing_ok=True)
    publish(study, wire, own)
    people(wire, own)
    return wire, own


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_reviewing(study, when):
    wishes = replace(BONUS, excluded=frozenset({"A0"}))
    whole, own = reviewed(study)
    published = len(whole.sent)
    review(study, whole, own, wishes)
    requests = len(whole.sent) - published
    for number in range(1, requests + 1):
        wire, own = reviewed(study)
        wire.kill(number, when)
        with pytest.raises(KilledError):
            review(study, wire, own, wishes)
        to_the_end(lambda wire=wire, own=own: review(study, wire, own, wishes), study, wire)
        review(study, wire, own, wishes)
        assert Counter(kind for _, kind, _ in wire.fake.paid) == {"reward": 3, "bonus": 3}
        assert len(set(wire.fake.paid)) == 6
        check(wire, 4)
        assert wire.fake.balance == whole.fake.balance


FAULTS = [
    ("lost", "POST", "studies/$"), ("500", "POST", "studies/$"), ("429", "POST", "studies/$"),
    ("lost", "POST", "studies/.*/transition/"), ("500", "POST", "studies/.*/transition/"),
    ("lost", "POST", "participant-groups/"), ("500", "POST", "participant-groups/"),
    ("lost", "PATCH", "studies/"), ("500", "PATCH", "studies/"), ("429", "PATCH", "studies/"),
    ("500", "GET", "users/me/"), ("429", "GET", "users/me/"), ("unsent", "GET", "users/me/"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "method", "path"), FAULTS)
def test_faults_on_the_way_while_publishing(study, kind, method, path):
    wire, own = Wire(), OwnSide()
    wire.faults.add(kind, method, path)
    to_the_end(lambda: publish(study, wire, own, 4), study, wire)
    check(wire, 4)


@pytest.mark.parametrize("kind", ["lost", "500", "429", "unsent"])
@pytest.mark.parametrize("path", ["bulk-approve/", "bonus-payments/$", "/pay/"])
def test_faults_on_the_way_while_paying(study, kind, path):
    wire, own = reviewed(study)
    wire.faults.add(kind, "POST", path)
    paying = path == "/pay/"
    if paying:
        error = UnpaidOrPaidError if kind != "429" else GlimpseError
        with pytest.raises(error):
            review(study, wire, own)
        bulk = len(wire.fake.bulks)
        if kind != "429":
            # Nothing is tried again by itself.
            with pytest.raises(UnpaidOrPaidError, match="it is not known whether the bonus"):
                review(study, wire, own)
            assert len(wire.fake.bulks) == bulk
    to_the_end(lambda: review(study, wire, own), study, wire)
    review(study, wire, own)
    assert Counter(kind for _, kind, _ in wire.fake.paid) == {"reward": 3, "bonus": 3}


def test_a_bonus_is_refused_while_an_earlier_one_is_not_decided(study):
    wire, own = reviewed(study)
    wire.faults.add("lost", "POST", "/pay/")
    with pytest.raises(UnpaidOrPaidError) as error:
        review(study, wire, own)
    (bulk,) = wire.fake.bulks
    assert f"--bonus-was-paid {bulk}" in str(error.value)
    assert "Prolific shows a bonus of that amount in 3 of them now" in str(error.value)


def test_too_small_a_balance_pays_nothing_and_can_be_tried_again(study):
    wire, own = reviewed(study)
    wire.fake.balance = 100
    with pytest.raises(ProlificError, match="You do not have enough funds"):
        review(study, wire, own)
    assert Counter(kind for _, kind, _ in wire.fake.paid) == {"reward": 3}
    wire.fake.balance = 10_000
    review(study, wire, own)
    assert Counter(kind for _, kind, _ in wire.fake.paid) == {"reward": 3, "bonus": 3}
