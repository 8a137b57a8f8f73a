"""Work on a second core: done in another process where that is safe, else here, with the same result."""

import os
import subprocess
import sys
import threading

import pytest

from glimpse.analysis.figures import aside as module
from glimpse.analysis.figures.aside import aside

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
