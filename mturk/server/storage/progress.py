"""The progress that pages save, part by part. Pure, but for what is remembered.

Progress is one text an assignment, tens of kilobytes at the end of a long HIT. To read and write all of it at
each save would cost more than all else that a save does, so that the answers that were kept last are
remembered, each as its text. The database decides: what is remembered counts only where its text is the kept
one, and a server that has just started remembers nothing.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any, NamedTuple

_MOST = 512  # assignments that are remembered


class Progress(NamedTuple):
    """Progress with answers: its JSON, what it says besides them, and each answer's JSON, in order."""

    text: str
    rest: dict[str, Any]
    answers: list[str]

    @classmethod
    def of(cls, text: str | None) -> Progress | None:
        """Read progress; None where it has no answers."""
        value = json.loads(text or "null")
        if not isinstance(value, dict) or not isinstance(value.get("answers"), list):
            return None
        try:
            answers = [_json(one) for one in value.pop("answers")]
        except RecursionError:
            return None
        return cls(str(text), value, answers)

    def joined(self, part: Any) -> Progress:
        """Return the progress of which a page sent the `answers` from the place `from` on.

        ValueError where the answer at that place is not kept, or where it is no such part.
        """
        try:
            start, more = part["from"], [_json(one) for one in part["answers"]]
            rest = {key: value for key, value in part.items() if key not in {"from", "answers"}}
        except (AttributeError, KeyError, RecursionError, TypeError):
            raise ValueError("This is no part of progress.") from None
        if type(start) is not int or not 0 <= start < len(self.answers):
            raise ValueError("The answers before these are not kept.")
        answers = self.answers[:start] + more
        if rest == self.rest and _begins_with(answers, self.answers) and len(answers) == len(self.answers):
            return self
        head = _json({**rest, "answers": []})[:-2]
        return Progress(f"{head}{','.join(answers)}]}}", rest, answers)

    def goes_on(self, new: Progress) -> bool:
        """Tell whether new progress holds all of this: see `goes_on`."""
        return goes_on(self.rest, new.rest) and (
            "seq" not in self.rest or _begins_with(new.answers, self.answers)
        )


class Remembered:
    """What was kept last, by assignment. Used on the writer's thread alone."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Progress] = OrderedDict()

    def progress(self, assignment: int, text: str | None) -> Progress | None:
        """Return what `text`, the progress that is kept, says; None where it has no answers."""
        known = self._known.pop(assignment, None)
        if known is None or known.text != text:
            known = Progress.of(text)
        if known is not None:
            self.put(assignment, known)
        return known

    def put(self, assignment: int, progress: Progress) -> None:
        """Remember what is being kept. Should that fail, another text is kept, and this counts no more."""
        self._known[assignment] = progress
        if len(self._known) > _MOST:
            self._known.popitem(last=False)


def goes_on(kept: Any, sent: Any) -> bool:
    """Tell whether progress holds all of what is kept: `seq` is higher, `at` not lower, `answers` only grew.

    A page that does not count its progress in `seq` may replace it by anything.
    """
    if not isinstance(kept, dict) or "seq" not in kept:
        return True
    answers = kept.get("answers", [])
    try:
        return bool(
            sent["seq"] > kept["seq"]
            and sent.get("at", 0) >= kept.get("at", 0)
            and sent.get("answers", [])[: len(answers)] == answers
        )
    except (AttributeError, KeyError, RecursionError, TypeError):
        return False


def _begins_with(answers: list[str], kept: list[str]) -> bool:
    """Tell whether answers are those that are kept, and maybe more; how keys are ordered does not matter."""
    return len(answers) >= len(kept) and all(
        one == other or json.loads(one) == json.loads(other)
        for one, other in zip(answers, kept, strict=False)
    )


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
