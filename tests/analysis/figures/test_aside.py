"""Work on a second core: done in another process where that is safe, else here, with the same result."""

import os
import subprocess
import sys
import threading

import pytest

from glimpse.analysis.figures import aside as module
from glimpse.analysis.figures.aside import aside, helper

FORKED = """
import os
from glimpse.analysis.figures.aside import aside
asked = aside(lambda: (os.getpid(), "x" * 1_000_000))
pid, text = asked()
print(pid != os.getpid(), len(text))

def fail():
    raise ValueError("told by the parent, too")

try:
    aside(fail)()
except ValueError as error:
    print(error)
"""
POSSIBLE = sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


@pytest.mark.skipif(not POSSIBLE, reason="without Linux and a second core")
def test_the_work_is_done_in_another_process_and_errors_are_told():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True 1000000", "told by the parent, too"]
    assert done.stderr == ""


HELPED = """
import os, signal, sys
from glimpse.analysis.figures.aside import helper

def work(asked):
    if asked == "killed" and os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return asked, os.getpid() != parent, asked * 1_000_000

parent = os.getpid()
for second in ("kept", "killed"):
    with helper(lambda: sys.modules.setdefault("prepared", sys), work) as ask:
        both = [ask("first"), ask(second)]
        late = "prepared" in sys.modules
        found = [ready() for ready in both]
        found += [ready() for ready in both]  # again
    print(late, [(asked, elsewhere, len(text)) for asked, elsewhere, text in found])
with helper(lambda: os._exit(3), work) as ask:
    print(ask("never prepared")()[:2])
with helper(lambda: None, work) as ask:
    pass  # nothing is asked
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no process is left")
"""


@pytest.mark.skipif(not POSSIBLE, reason="without Linux and a second core")
def test_a_helper_prepares_and_works_in_a_process_of_its_own_and_what_it_fails_at_is_done_here():
    done = subprocess.run([sys.executable, "-c", HELPED], capture_output=True, text=True, check=True)
    kept = [("first", True, 5_000_000), ("kept", True, 4_000_000)]
    killed = [("first", False, 5_000_000), ("killed", False, 6_000_000)]
    assert done.stdout.splitlines() == [
        f"False {kept * 2}",
        f"False {killed * 2}",
        "('never prepared', False)",
        "no process is left",
    ]
    assert done.stderr == ""


def test_a_helper_works_here_where_there_is_no_second_process(monkeypatch):
    monkeypatch.setattr(module, "_can_fork", lambda: False)
    prepared, done = [], []
    with helper(lambda: prepared.append(1), lambda asked: done.append(asked) or os.getpid()) as ask:
        ready = ask("here")
        assert done == []
        assert [ready(), ready(), done] == [os.getpid(), os.getpid(), ["here"]]
    assert prepared == []


def test_where_other_threads_run_the_work_is_done_here():
    wait = threading.Event()
    other = threading.Thread(target=wait.wait)
    other.start()
    try:
        assert aside(os.getpid)() == os.getpid()
    finally:
        wait.set()
        other.join()


def test_nothing_is_done_before_it_is_asked_for_where_it_is_done_here(monkeypatch):
    monkeypatch.setattr(module, "_can_fork", lambda: False)
    done = []
    result = aside(lambda: done.append(1))
    assert done == []
    result()
    assert done == [1]
