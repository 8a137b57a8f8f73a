"""Several requests at once: as many as allowed, in order, and none begun after one that failed alone."""

import threading

import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.publishing.client import NAMES, endpoint
from glimpse.mturk.publishing.ledger import Ledger
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

    (listed,) = ahead([pages()], 2)
    assert next(listed) == 1
    assert asked.wait(30)
    assert list(listed) == [2]


def test_one_by_one_nothing_is_asked_for_ahead():
    asked = []

    def pages(name):
        for page in range(2):
            asked.append((name, page))
            yield page

    lists = ahead((pages(name) for name in "ab"), 1)
    assert next(next(lists)) == 0
    assert asked == [("a", 0)]


def test_what_goes_wrong_while_listing_reaches_whoever_looks():
    def pages():
        yield 1
        raise GlimpseError("gone")

    with pytest.raises(GlimpseError, match="gone"):
        [list(one) for one in ahead([pages(), iter([2])], 2)]


def test_a_ledger_keeps_every_line_of_threads_that_write_at_once(tmp_path):
    books = Ledger(tmp_path / "local.jsonl")
    each(lambda n: books.record("outcome", key=f"grow:{n}", hit_id="H", places=n), range(200), "", untracked)
    assert Ledger(tmp_path / "local.jsonl").outcomes == books.outcomes
    assert len(books.outcomes) == 200
