"""What the benchmarks measure: wall time, memory, and on what processor."""

from __future__ import annotations

import os
import platform
import resource
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Watch(threading.Thread):
    """Looks every 20 ms how much memory this process and its helpers hold, where Linux tells."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most_mb = 0.0
        self.start()

    def run(self) -> None:
        """Look until the process ends."""
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        while children.exists():
            held = [_held_mb(process) for process in ("self", *children.read_text().split())]
            self.most_mb = max(self.most_mb, sum(held))
            time.sleep(0.02)


def _held_mb(process: str) -> float:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:  # it has ended
        return 0.0
    found = status.partition("VmRSS:")[2].split()
    return int(found[0]) / 1024 if found else 0.0


def peak_mb() -> float:
    """Peak resident memory of this process in MB; where Linux tells, without what its parent had."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
