"""More workers for a study that is published."""

import pytest

from glimpse.mturk.collecting.growing import grow
from glimpse.mturk.publishing.client import Requester
from glimpse.mturk.publishing.ledger import Ledger, ledger_path


def places(server):
    return sorted((hit["name"], hit["max_assignments"]) for hit in server.hits())


def test_more_workers_once(study, server, glimpse, at):
    glimpse("publish", "study", *at)
    status, out, err = glimpse("publish", "study", "--workers-per-hit", "5", *at)
    assert (status, err) == (0, [])
    assert "From 3 to 5 workers a HIT: 4 new places, $4.00 rewards." in out
    assert "Published: 2 HITs, 10 places. Workers find them here:" in out
    assert [count for _, count in places(server)] == [5, 5]
    _, out, _ = glimpse("publish", "study", "--workers-per-hit", "5", *at)
    assert not any(line.startswith("From") for line in out)
    assert [count for _, count in places(server)] == [5, 5]
    glimpse("publish", "study", "--workers-per-hit", "6", *at)
    assert [count for _, count in places(server)] == [6, 6]


def test_fewer_workers_are_refused_with_the_reason(study, server, glimpse, at):
    glimpse("publish", "study", *at)
    status, _, err = glimpse("publish", "study", "--workers-per-hit", "2", *at)
    assert status == 1
    assert "the HITs have places for 3 workers each, and places cannot be taken back" in err[-1]
    assert "review --close" in err[-1]


def test_replaced_ones_count_beside_the_workers(study, server, glimpse, at):
    glimpse("publish", "study", *at)
    hits = server.hits()
    server.submit(study, hits[0]["hit_id"], "careless", wrong=2)
    glimpse("publish", "study", "--workers-per-hit", "4", *at)
    glimpse("review", "study", "--replace", *at)
    assert [count for _, count in places(server)] == [5, 4]
    # As many again: the replaced one stays beside them.
    glimpse("publish", "study", "--workers-per-hit", "5", *at)
    assert [count for _, count in places(server)] == [6, 5]
    glimpse("review", "study", "--replace", *at)
    assert [count for _, count in places(server)] == [6, 5]


def test_in_nines_where_fees_are_taken(study, server, paid):
    paid("publish", "--yes")
    status, out, _ = paid("publish", "--workers-per-hit", "12", "--yes")
    assert status == 0
    assert "From 3 to 12 workers a HIT: 18 new places, $18.00 rewards + $3.60 fees." in out
    assert [count for _, count in places(server)] == [9, 3, 9, 3]


class EndedError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_growing(study, server, glimpse, at, monkeypatch, when):
    glimpse("publish", "study", *at)
    ledger, call = ledger_path(study.folder, "local"), Requester.call
    for workers in range(4, 10):
        left = [workers - 3]

        def killed(self, operation, left=left, **arguments):
            if operation == "CreateAdditionalAssignmentsForHIT":
                left[0] -= 1
                if left[0] == 0 and when == "before":
                    raise EndedError
            found = call(self, operation, **arguments)
            if operation == "CreateAdditionalAssignmentsForHIT" and left[0] == 0 and when == "after":
                raise EndedError
            return found

        monkeypatch.setattr(Requester, "call", killed)
        ended = workers <= 5
        try:
            grow(study, server.requester(), Ledger(ledger), workers, lambda _: None)
        except EndedError:
            assert ended
        monkeypatch.setattr(Requester, "call", call)
        grow(study, server.requester(), Ledger(ledger), workers, lambda _: None)
        assert [count for _, count in places(server)] == [workers, workers]
