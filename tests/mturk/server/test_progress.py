"""Progress that a page saves on the way: what is acknowledged stays, and a page learns when it is over."""

import json

import pytest

from glimpse.mturk.server.storage.progress import Progress, Remembered, goes_on

KEPT = "The server has kept the answers it received, but they do not count for the study. "
AGAIN = "If you can accept the task again, you will continue where you stopped."


@pytest.fixture
def working(server, publish):
    """A worker with an accepted assignment of ten minutes."""
    worker = server.worker("anna")
    worker.assignment = worker.take(publish(3, duration=600)["HITId"])
    worker.at = f"/worker/assignments/{worker.assignment}/progress"
    return worker


def state(seq, *sides, at=None):
    answers = [{"trial": f"t{number}", "side": side} for number, side in enumerate(sides)]
    return {"v": 1, "seq": seq, "at": len(answers) if at is None else at, "answers": answers}


def test_progress_never_goes_back(working):
    kept = state(9, "left", "left", "right")
    assert working.http.put(working.at, json=kept).status_code == 204
    for behind in (
        state(8, "left", "left"),
        state(9, "left", "left", "left"),
        state(10, "left", "left"),
        state(10, "left", "right", "right", "left"),
        state(10, "left", "left", "right", at=2),
        {"seq": 10},
        ["seq"],
        1,
    ):
        reply = working.http.put(working.at, json=behind)
        assert reply.status_code == 409
        assert reply.json() == {
            "error": "This task was continued in another tab or browser.",
            "reason": "moved",
        }
        assert working.http.get(working.at).json() == kept
    for onward in (kept, state(10, "left", "left", "right"), state(14, "left", "left", "right", "left")):
        assert working.http.put(working.at, json=onward).status_code == 204
        assert working.http.get(working.at).json() == onward


def part(seq, start, *sides):
    whole = state(seq, *sides)
    return {**whole, "from": start, "answers": whole["answers"][start:]}


def test_a_part_joins_what_is_kept(working):
    assert working.http.patch(working.at, json=part(2, 0, "left")).status_code == 412, "nothing is kept"
    working.http.put(working.at, json=state(3, "left"))
    for _ in range(2):
        reply = working.http.patch(working.at, json=part(4, 0, "left", "right"))
        assert reply.status_code == 204, "sent again after a reply that was lost"
        assert 590 <= int(reply.headers["X-Seconds-Left"]) <= 600
        assert working.http.get(working.at).json() == state(4, "left", "right")
    late = part(6, 0, "left", "right", "left")
    assert working.http.patch(working.at, json=part(7, 1, "left", "right", "left", "left")).status_code == 204
    assert working.http.patch(working.at, json=late).json()["reason"] == "moved"
    assert working.http.get(working.at).json() == state(7, "left", "right", "left", "left")


def test_a_part_that_does_not_fit_changes_nothing(working):
    kept = state(9, "left", "right")
    working.http.put(working.at, json=kept)
    for unfit in (
        part(10, 2, "left", "right", "left"),
        part(10, 5, "left", "right", "left", "left", "left", "left"),
        {**part(10, 1, "left", "right"), "from": -1},
        {**part(10, 1, "left", "right"), "from": True},
        {**part(10, 1, "left", "right"), "answers": 3},
        state(10, "left", "right"),
        ["from"],
        7,
    ):
        assert working.http.patch(working.at, json=unfit).status_code == 412
    for other in (
        part(10, 1, "left", "left", "left"),
        part(10, 1, "left"),
        part(9, 1, "left", "right", "left"),
    ):
        assert working.http.patch(working.at, json=other).json()["reason"] == "moved"
    assert working.http.get(working.at).json() == kept


def test_parts_together_are_bounded(working):
    answers = [{"trial": "t" * 200_000}]
    assert working.http.put(working.at, json={**state(1), "answers": answers}).status_code == 204
    more = {**state(2), "at": 0, "from": 0, "answers": [*answers, {"trial": "u" * 60_000}]}
    assert working.http.patch(working.at, json=more).status_code == 204
    more = {**state(3), "at": 0, "from": 1, "answers": [more["answers"][1], {"trial": "v" * 60_000}]}
    reply = working.http.patch(working.at, json=more)
    assert reply.status_code == 413
    assert working.http.get(working.at).json()["seq"] == 2


def test_what_does_not_count_its_progress_is_replaced():
    for kept in (None, 1, [1], "text", {"shown": 7}):
        assert goes_on(kept, {"anything": 1})
    assert not goes_on({"seq": 1}, {"seq": "2"})
    assert not goes_on({"seq": 1, "answers": 3}, {"seq": 2})


def test_what_is_remembered_counts_only_where_it_is_what_is_kept():
    remembered, first = Remembered(), json.dumps(state(3, "left"))
    kept = remembered.progress(1, first)
    new = kept.joined(part(4, 0, "left", "right"))
    remembered.put(1, new)
    assert remembered.progress(1, new.text) is new
    assert remembered.progress(1, first) == kept, "its change was rolled back"
    assert remembered.progress(1, None) is None
    assert json.loads(new.text) == state(4, "left", "right")
    assert kept.joined(part(3, 0, "left")) is kept


def test_the_order_of_keys_does_not_matter():
    kept = Progress.of('{"seq":1,"answers":[{"trial":"t0","side":"left"}]}')
    for text, same in (('{"side":"left","trial":"t0"}', True), ('{"side":"right","trial":"t0"}', False)):
        assert kept.goes_on(Progress.of(f'{{"seq":2,"answers":[{text}]}}')) is same


def test_the_page_learns_how_much_time_is_left(working, server):
    assert 595 <= int(working.http.get(working.at).headers["X-Seconds-Left"]) <= 600
    server.clock.skip(100)
    for reply in (working.http.put(working.at, json=state(1)), working.http.get(working.at)):
        assert 495 <= int(reply.headers["X-Seconds-Left"]) <= 500


def over(working):
    reply = working.http.put(working.at, json=state(2, "left", "left"))
    assert reply.status_code == 409
    assert "X-Seconds-Left" not in working.http.get(working.at).headers
    said = reply.json()
    assert said.pop("next") == f"/worker/assignments/{working.assignment}/done"
    return said


def test_after_the_deadline(working, server):
    working.http.put(working.at, json=state(1, "left"))
    server.clock.skip(601)
    assert over(working) == {"reason": "time", "error": f"Time is up. {KEPT}{AGAIN}"}
    assert working.http.get(working.at).json() == state(1, "left")


def test_after_a_return(working):
    working.http.put(working.at, json=state(1, "left"))
    working.give_back(working.assignment)
    assert over(working) == {"reason": "returned", "error": f"You returned this task. {KEPT}{AGAIN}"}
    assert working.http.get(working.at).json() == state(1, "left")


def test_after_a_submission(working):
    working.submit(working.assignment)
    assert over(working) == {
        "reason": "submitted",
        "error": "You submitted this task, and we received your answers. There is nothing left to do.",
    }


@pytest.mark.parametrize("ends", ["returned", "abandoned"])
def test_who_takes_the_same_task_again_goes_on_where_they_stopped(working, server, ends):
    """A pair that was seen is not shown again; to others the task is new."""
    hit = working.http.get(f"/worker/assignments/{working.assignment}/state").json()["hit_id"]
    working.http.put(working.at, json=state(3, "left", "right"))
    if ends == "returned":
        working.give_back(working.assignment)
    else:
        server.clock.skip(601)
    again = working.take(hit)
    assert again != working.assignment
    at = f"/worker/assignments/{again}/progress"
    assert working.http.get(at).json() == state(3, "left", "right")
    assert working.http.patch(at, json=part(4, 1, "left", "right", "left")).status_code == 204
    other = server.worker("other")
    fresh = other.take(hit)
    assert other.http.get(f"/worker/assignments/{fresh}/progress").status_code == 204
