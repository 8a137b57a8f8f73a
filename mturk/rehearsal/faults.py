"""What can go wrong on the way to a panel, on demand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

KINDS = ("429", "500", "lost", "unsent")


@dataclass
class Fault:
    """A fault in the next `times` requests that fit two patterns; `after` of them pass first.

    `429` and `500` answer so, and nothing is done. `lost`: it is done, and the answer is lost on the way.
    `unsent`: the connection breaks before anything is done.
    """

    kind: str
    method: str = ".*"
    path: str = ".*"
    times: int = 1
    after: int = 0

    def fits(self, method: str, path: str) -> bool:
        """Tell whether a request meets this fault, and count it."""
        if self.times < 1 or not re.fullmatch(self.method, method) or not re.search(self.path, path):
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Faults:
    """The faults to come, in order; the first that fits a request is met."""

    coming: list[Fault] = field(default_factory=list)

    def add(self, kind: str, method: str = ".*", path: str = ".*", *, times: int = 1, after: int = 0) -> None:
        """Let something go wrong."""
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(KINDS)}")
        self.coming.append(Fault(kind, method, path, times, after))

    def met(self, method: str, path: str) -> str | None:
        """Return the kind of fault that a request meets; None for none."""
        return next((fault.kind for fault in self.coming if fault.fits(method, path)), None)
