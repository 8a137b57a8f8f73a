"""A clock that is set back, that jumps by a year, or that was wrong while the server was away."""

import logging

import pytest

from glimpse.mturk.server.clock import StudyClock

HOUR, DAY, YEAR = 3600.0, 86_400.0, 365 * 86_400.0


class Machine:
    """A wall clock that can be set, and a steady one that cannot."""

    def __init__(self, wall=1_790_000_000.0):
        self.wall, self.steady = wall, 50.0

    def passes(self, seconds):
        self.wall += seconds
        self.steady += seconds

    def clock(self):
        return StudyClock(lambda: self.wall, lambda: self.steady)


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def server(start, machine):
    return start(clock=machine.clock())


@pytest.mark.parametrize("step", [-HOUR, HOUR, -0.9 * DAY, 0.9 * DAY])
def test_a_clock_that_is_set_is_followed(machine, step):
    clock = machine.clock()
    machine.wall += step
    assert clock() == machine.wall
    assert clock.jump_s == 0


@pytest.mark.parametrize("jump", [-YEAR, -1.1 * DAY, 1.1 * DAY, YEAR])
def test_a_clock_that_jumps_is_not_believed_until_it_is_confirmed(machine, jump, caplog):
    clock = machine.clock()
    before = clock()
    machine.wall += jump
    machine.passes(10)
    assert clock() == pytest.approx(before + 10)
    assert clock.jump_s == pytest.approx(jump)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "days" in caplog.text
    clock.accept()
    assert (clock(), clock.jump_s) == (machine.wall, 0)


def test_a_jump_that_ends_is_forgotten(machine, caplog):
    clock = machine.clock()
    machine.wall += YEAR
    clock()
    machine.passes(60)
    machine.wall -= YEAR
    assert (clock(), clock.jump_s) == (machine.wall, 0)
    assert "right again" in caplog.text


@pytest.mark.parametrize("step", [-HOUR, -YEAR, YEAR])
def test_whoever_works_goes_on_whatever_the_clock_does(server, machine, turk, publish, step):
    hit_id = publish(duration=3600)["HITId"]
    worker = server.worker("ann")
    at = worker.take(hit_id)
    machine.wall += step
    assert worker.http.get("/worker/sign-in").headers["location"] == "/worker/"
    assert worker.http.put(f"/worker/assignments/{at}/progress", json={"seq": 1}).status_code == 204
    machine.wall -= step
    assert worker.http.put(f"/worker/assignments/{at}/progress", json={"seq": 2}).status_code == 204
    assert worker.submit(at).status_code == 200
    listed = turk.list_assignments_for_hit(HITId=hit_id)["Assignments"]
    assert [one["AssignmentId"] for one in listed] == [at]


def test_a_year_that_passes_in_a_moment_disposes_of_nothing(server, machine, publish):
    hit_id = publish(2, duration=600, auto_approval=600)["HITId"]
    ann, bob = server.worker("ann"), server.worker("bob")
    done, running = ann.take(hit_id), bob.take(hit_id)
    ann.submit(done)
    machine.wall += YEAR
    assert ann.http.get("/worker/history").status_code == 200

    def found():
        rows = server.site.store.read(lambda tx: tx.all("SELECT status FROM assignments ORDER BY seq"))
        return [row["status"] for row in rows]

    assert found() == ["Submitted", "Accepted"]
    page = ann.http.get("/health").text
    assert page.startswith("ok\n")
    assert "365.0 days ahead" in page
    token = server.site.requester_token
    dashboard = server.browser(follow_redirects=True)
    seen = dashboard.get(f"/dashboard/?token={token}")
    assert "The clock has jumped" in seen.text
    assert ann.press("/dashboard/clock").status_code == 403
    seen = dashboard.post("/dashboard/clock", data={"csrf": ann.csrf(seen)})
    assert "The clock has jumped" not in seen.text
    assert dashboard.get("/health").text == "ok\n"
    assert found() == ["Approved", "Abandoned"]
    assert bob.submit(running).status_code == 409


def test_what_is_due_after_a_long_stop_waits_for_a_word(start, machine, publish, server, tmp_path):
    publish(lifetime=3600)
    server.stop()
    machine.passes(3 * DAY)
    machine.steady = 1.0  # the machine was off
    again = start(data=server.site.settings.data, clock=machine.clock())
    assert again.site.clock_jump_s == pytest.approx(3 * DAY, abs=HOUR)
    [hit] = again.requester().list_hits()["HITs"]
    assert hit["HITStatus"] == "Assignable"
    again.site.accept_clock()
    [hit] = again.requester().list_hits()["HITs"]
    assert hit["HITStatus"] == "Reviewable"


def test_a_long_stop_in_which_nothing_became_due_needs_no_word(start, machine, publish, server):
    publish(lifetime=30 * 86_400)
    server.stop()
    machine.passes(3 * DAY)
    again = start(data=server.site.settings.data, clock=machine.clock())
    assert again.site.clock_jump_s == 0
    assert again.site.clock() == machine.wall


def test_a_machine_that_starts_in_1970_is_not_believed(start, machine, publish, server):
    publish()
    server.stop()
    before, machine.wall = machine.wall, 60.0
    again = start(data=server.site.settings.data, clock=machine.clock())
    assert again.site.clock() == pytest.approx(before, abs=HOUR)
    assert again.site.clock_jump_s < -YEAR
