"""`publish --reward`: what a published study pays from now on, at our own server and where fees are taken."""

from decimal import Decimal

import pytest

from glimpse.mturk.publishing.client import Requester
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.mturk.publishing.publication import published_hits, reward_now


def rewards(server):
    rows = server.site.store.read(
        lambda tx: tx.all("SELECT reward FROM hits JOIN hit_types USING (hit_type_id)")
    )
    return [row["reward"] for row in rows]


def ledger_of(study, name="local"):
    return Ledger(ledger_path(study.folder, name))


def dashboard(server, browser, study):
    browser.get(f"{server.url}/dashboard/?token={server.site.requester_token}")
    return browser.get(f"{server.url}/dashboard/studies/{study.study}").text


def first_hit(study, name="local"):
    return published_hits(ledger_of(study, name))[0].hit_id


def test_who_was_approved_keeps_the_old_reward(study, server, glimpse, at):
    glimpse("publish", "study", *at)
    server.submit(study, first_hit(study), "ann")
    glimpse("review", "study", *at)
    status, out, err = glimpse("publish", "study", "--reward", "1.50", *at)
    assert (status, err) == (0, [])
    assert (
        "Reward: from $1.00 to $1.50, for 5 places that are not decided yet: at most $2.50 more."
        in " ".join(out)
    )
    assert "2 HITs pay $1.50 now." in out
    assert rewards(server) == ["1.50", "1.50"]
    server.submit(study, first_hit(study), "bob")
    glimpse("review", "study", *at)
    _, out, _ = glimpse("status", "study", *at)
    assert any(line.startswith("b1") and line.endswith("$2.50") for line in out), out
    # Again changes nothing; new places pay it, too.
    status, out, _ = glimpse("publish", "study", "--reward", "1.50", "--workers-per-hit", "4", *at)
    assert status == 0
    assert "HITs pay $1.50." in out
    assert "From 3 to 4 workers a HIT: 2 new places, $3.00 rewards." in out
    ledger = ledger_of(study)
    assert [line["usd"] for line in ledger.find("retype:")] == ["1.50", "1.50"]
    assert [(line["before"], line["usd"]) for line in ledger.find("reward:")] == [("1.00", "1.50")]
    assert reward_now(study, ledger) == Decimal("1.50")


def test_the_dashboard_counts_what_was_paid_before(study, server, browser, glimpse, at):
    glimpse("publish", "study", *at)
    server.submit(study, first_hit(study), "ann")
    glimpse("review", "study", *at)
    glimpse("publish", "study", "--reward", "3.00", *at)
    assert "<b>$1.00</b><span>paid so far" in dashboard(server, browser, study)
    server.submit(study, first_hit(study), "bob")
    glimpse("review", "study", *at)
    assert "<b>$4.00</b><span>paid so far" in dashboard(server, browser, study)


def test_a_lower_reward_waits_for_those_who_were_told_the_old_one(study, server, glimpse, at):
    glimpse("publish", "study", *at)
    server.submit(study, first_hit(study), "ann")
    status, _, err = glimpse("publish", "study", "--reward", "0.50", *at)
    assert status == 1
    assert "0 at work and 1 waiting for review were told $1.00." in " ".join(err)
    glimpse("review", "study", *at)
    assert glimpse("publish", "study", "--reward", "0.50", *at)[0] == 0
    assert rewards(server) == ["0.50", "0.50"]


def test_on_the_paid_site_the_price_is_said_and_confirmed(study, server, paid):
    paid("publish", "--yes")
    status, out, err = paid("publish", "--reward", "1.25", terminal=False)
    assert status == 2
    assert "for 6 places that are not decided yet: at most $1.50 more + $0.30 fees." in " ".join(out)
    assert "this spends $1.80" in err[-1]
    assert rewards(server) == ["1.00", "1.00"]
    groups = {hit.hit_group_id for hit in published_hits(ledger_of(study, "production"))}
    assert paid("publish", "--reward", "1.25", "--yes")[0] == 0
    assert rewards(server) == ["1.25", "1.25"]
    # Workers find them under another group now, and that is where the command sends people.
    assert groups.isdisjoint(hit.hit_group_id for hit in published_hits(ledger_of(study, "production")))


def test_what_cannot_be(study, server, glimpse, at):
    status, _, err = glimpse("publish", "study", "--reward", "1.50", *at)
    assert status == 2
    assert "is not published at local yet. Build it with --reward-usd 1.50" in err[-1]
    glimpse("publish", "study", *at)
    status, _, err = glimpse("publish", "study", "--reward", "1.505", *at)
    assert status == 1
    assert "--reward 1.505: an amount in dollars and cents" in err[-1]


class EndedError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_call_each_hit_is_changed_once(study, server, glimpse, at, monkeypatch, when):
    glimpse("publish", "study", *at)
    call, left = Requester.call, [0]
    changing = {"CreateHITType", "UpdateHITTypeOfHIT"}

    def killed(self, operation, **arguments):
        ends = operation in changing and left[0] == 1
        left[0] -= operation in changing
        if ends and when == "before":
            raise EndedError
        found = call(self, operation, **arguments)
        if ends:
            raise EndedError
        return found

    monkeypatch.setattr(Requester, "call", killed)
    for number, usd in enumerate(("1.10", "1.20", "1.30"), start=1):
        left[0] = number
        with pytest.raises(EndedError):
            glimpse("publish", "study", "--reward", usd, *at)
        status, _, err = glimpse("publish", "study", "--reward", "9.00", *at)
        assert status == 1
        assert f"a change to {usd} was broken off" in " ".join(err)
        assert glimpse("publish", "study", "--reward", usd, *at)[0] == 0
        assert rewards(server) == [usd, usd]
    assert len(ledger_of(study).find("retype:")) == 6
