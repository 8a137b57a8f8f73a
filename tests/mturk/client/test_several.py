"""Several requests at once: as many as allowed, in order, and none begun after one that failed alone."""

import threading

import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.publishing.client import NAMES, endpoint
from glimpse.mturk.publishing.ledger import Ledger
from glimpse.mturk.publishing.publication import published_hits
from glimpse.mturk.publishing.several import ahead, each
from glimpse.progress import untracked


def test_only_our_own_server_is_sent_several_requests_at_once():
    assert {name: endpoint(name).at_once > 1 for name in NAMES} == {
        "local": True, "sandbox": False, "production": False,
    }  # fmt: skip


def test_as_many_are_under_way_as_there_are_threads():
    together = threading.Barrier(4, timeout=30)
    assert each(lambda _: together.wait() >= 0, range(8), "", untracked, threads=4) == [True] * 8


def test_with_one_thread_nothing_begins_after_a_failure():
    begun = []

    def fail_at_the_second(number):
        begun.append(number)
        if number == 1:
            raise GlimpseError("no")

    with pytest.raises(GlimpseError, match="no"):
        each(fail_at_the_second, range(5), "", untracked, threads=1)
    assert begun == [0, 1]


def test_a_page_is_asked_for_while_the_one_before_is_looked_at():
    asked = threading.Event()

    def pages():
        yield 1
        asked.set()
        yield 2

    with ahead([pages()], 2) as lists:
        listed = next(lists)
        assert next(listed) == 1
        assert asked.wait(30)
        assert list(listed) == [2]


def test_one_by_one_nothing_is_asked_for_ahead():
    asked = []

    def pages(name):
        for page in range(2):
            asked.append((name, page))
            yield page

    with ahead((pages(name) for name in "ab"), 1) as lists:
        assert next(next(lists)) == 0
    assert asked == [("a", 0)]


def test_what_goes_wrong_while_listing_reaches_whoever_looks():
    def pages():
        yield 1
        raise GlimpseError("gone")

    with pytest.raises(GlimpseError, match="gone"), ahead([pages(), iter([2])], 2) as lists:
        list(next(lists))


def test_nothing_is_under_way_when_looking_breaks_off():
    """Not even while the error is still held by whoever caught it."""
    before, caught = set(threading.enumerate()), []
    try:
        with ahead([iter([1, 2, 3]), iter([4])], 2) as lists:
            next(next(lists))
            raise GlimpseError("broken off")
    except GlimpseError as error:
        caught.append(error)
    assert set(threading.enumerate()) == before


def test_a_ledger_keeps_every_line_of_threads_that_write_at_once(tmp_path):
    books = Ledger(tmp_path / "local.jsonl")
    each(lambda n: books.record("outcome", key=f"grow:{n}", hit_id="H", places=n), range(200), "", untracked)
    assert Ledger(tmp_path / "local.jsonl").outcomes == books.outcomes
    assert len(books.outcomes) == 200


def test_hits_stand_in_the_order_of_their_names_whichever_was_created_first(tmp_path):
    books = Ledger(tmp_path / "local.jsonl")
    for hit, part in (("b1-h10", 1), ("b2-h1", 1), ("b1-h9", 2), ("b1-h9", 1), ("other", 1)):
        facts = {"hit": hit, "batch": "b", "part": part, "places": 1, "hit_id": "H", "hit_type_id": "T"}
        books.record("outcome", key=f"hit:{hit}:{part}", **facts)
    found = [(one.part.hit, one.part.number) for one in published_hits(books)]
    assert found == [("b1-h9", 1), ("b1-h9", 2), ("b1-h10", 1), ("b2-h1", 1), ("other", 1)]
