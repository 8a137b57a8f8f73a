"""Places closed before they expire: nobody takes them, whoever is at work finishes."""

import pytest

from glimpse.mturk.collecting.closing import close
from glimpse.mturk.collecting.status import survey
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.mturk.publishing.publication import PublicationSettings
from glimpse.mturk.publishing.publishing import publish
from glimpse.mturk.server.protocol.errors import RequestError
from tests.mturk.client.conftest import Nowhere


def ledger_of(study):
    return Ledger(ledger_path(study.folder, "local"))


@pytest.fixture
def published(study, server):
    publish(study, server.requester("local"), Nowhere(), lambda _: None, PublicationSettings())
    return study


def closed(study, server, *, agreed=True):
    return close(study, server.requester("local"), ledger_of(study), lambda _: agreed)


def test_closed_places_are_taken_by_nobody_and_whoever_is_at_work_submits(published, server):
    first, second = (row["hit_id"] for row in server.hits())
    for name in ("ann", "bob", "cid"):
        server.submit(published, first, name)
    at_work = server.accept(second, "dan")
    what = closed(published, server)
    assert [state.hit.hit_id for state in what.hits] == [second], "the other one is full"
    assert (what.places, what.working) == (2, 1)
    with pytest.raises(RequestError, match="All places in this task are taken"):
        server.accept(second, "eve")
    server.hand_in(at_work, published, second)
    (full, rest) = survey(published, server.requester("local"), ledger_of(published))
    assert (full.expired, rest.expired) == (False, True)
    assert (rest.open, rest.out, len(rest.submitted)) == (0, 0, 1)


def test_what_was_closed_stands_in_the_ledger_and_is_closed_once(published, server):
    assert closed(published, server, agreed=False).places == 6
    assert not ledger_of(published).find("close:")
    expires = [state.expires for state in survey(published, server.requester("local"), ledger_of(published))]
    closed(published, server)
    lines = ledger_of(published).find("close:")
    assert [line["until"] for line in lines] == [f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in expires]
    assert sum(line["places"] for line in lines) == 6
    assert closed(published, server).hits == ()
    for row in server.hits():
        server.requester("local").call("UpdateExpirationForHIT", HITId=row["hit_id"], ExpireAt=2**31)
    assert closed(published, server).places == 6, "opened again, and closed again"
    assert len(ledger_of(published).find("close:")) == 4


def test_the_command_says_what_it_closes_and_how_to_open_it_again(published, server, glimpse, at):
    server.accept(server.hits()[0]["hit_id"], "ann")
    code, out, errors = glimpse("review", *at, "--close", "--dry-run")
    assert (code, errors) == (0, [])
    assert out == [
        "Would close 5 open places of 2 HITs.",
        "Whoever is at work may still submit: 1 assignment.",
        "Nothing was done (--dry-run).",
        "",
        f"Next: python cli.py review --close --data {server.data}",
    ]
    code, out, errors = glimpse("review", *at, "--close")
    assert (code, errors) == (0, [])
    assert out[0] == "Close 5 open places of 2 HITs."
    assert out[2] == f"Closed. Open them again: python cli.py review --data {server.data} --extend 7"
    code, out, _ = glimpse("review", *at, "--close")
    assert (code, out[0]) == (0, "No place is open.")
    code, _, _ = glimpse("review", *at, "--extend", "7")
    code, out, _ = glimpse("review", *at, "--close", "--dry-run")
    assert (code, out[0]) == (0, "Would close 5 open places of 2 HITs.")


def test_closing_goes_with_nothing_else(published, glimpse, at):
    code, _, errors = glimpse("review", *at, "--close", "--replace")
    assert code == 2
    assert errors[-1] == "Error: --close closes places and does nothing else; leave --replace out."


def test_the_paid_site_wants_a_yes(study, server, paid):
    paid("publish", "--yes")
    code, _, errors = paid("review", "--close", terminal=False)
    assert code == 2
    assert errors[-1] == "Error: this closes places. Add --yes, or run it in a terminal and confirm it."
    code, _, errors = paid("review", "--close", typed="n\n")
    assert (code, errors[-1]) == (1, "Error: stopped; every place is as it was.")
    code, out, _ = paid("review", "--close", "--dry-run")
    assert out[0] == "Would close 6 open places of 2 HITs."
    assert paid("review", "--close", typed="y\n")[0] == 0
    code, out, _ = paid("review", "--close")
    assert (code, out[0]) == (0, "No place is open.")
