"""What the benchmarks measure: wall time, memory, and on what processor."""

from __future__ import annotations

import os
import platform
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Watch(threading.Thread):
    """Looks every 50 ms how much memory a process and its helpers hold, where Linux tells.

    What they share, such as a copy's untouched pages, is shared out among them, so that it counts once.
    """

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.process, self.most_mb = process, 0.0
        self.start()

    def run(self) -> None:
        """Look until the process ends."""
        children = Path(f"/proc/{self.process}/task/{self.process}/children")
        while children.exists():
            with suppress(OSError):  # it has just ended
                held = [_held_mb(process) for process in (self.process, *children.read_text().split())]
                self.most_mb = max(self.most_mb, sum(held))
            time.sleep(0.05)


def _held_mb(process: int | str) -> float:
    try:
        found = Path(f"/proc/{process}/smaps_rollup").read_text().partition("\nPss:")[2].split()
    except OSError:  # it has ended
        return 0.0
    return int(found[0]) / 1024 if found else 0.0


def kept_waiting_ms(processes: Iterable[int]) -> float:
    """For how long in all the main threads of processes were ready to run and did not (ms, Linux; else 0)."""
    found = [Path(f"/proc/{process}/schedstat") for process in processes]
    return sum(int(path.read_text().split()[1]) for path in found if path.exists()) / 1e6


def used_ms(process: int) -> float:
    """For how long in all a process's threads ran on a processor (ms, Linux; else 0)."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return 0.0
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) * 1000 / os.sysconf("SC_CLK_TCK")


def wall_seconds(work: Callable[[], Any]) -> float:
    """Wall time of one run."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def processor() -> str:
    """The processor's name and how many cores of it there are."""
    facts = Path("/proc/cpuinfo")
    named = facts.read_text().partition("model name")[2].partition("\n")[0] if facts.exists() else ""
    name = named.lstrip("\t :") or platform.processor() or platform.machine()
    return f"{name} ({os.cpu_count()} cores)"
