"""How the clips of a trial played, as a page records it: plays, start, lost frames, stalls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COUNTS = ("plays", "dropped", "stalls")
MOST = 30_000  # of each of these that a page may count in a trial
FARTHEST_MS = 1e15
# What a page may note of clips, beside `submission.FLAGS`.
CLIP_FLAGS = {
    "skew": "the two clips did not start in one refresh of the screen",
    "dropped": "more than 2 frames of the clips and 5 % of them were never on the screen",
    "stall": "a clip stopped and waited for data",
}


class Playing(NamedTuple):
    """How the clips of a trial played; None for what was not recorded.

    `plays` counts how often the pair was started, `skew_ms` how much later the left clip began to move than
    the right one, `dropped` frames of both that were due and never shown, `stalls` how often one waited.
    """

    plays: int | None = None
    skew_ms: float | None = None
    dropped: int | None = None
    stalls: int | None = None


PLAYED = frozenset(Playing._fields)


def read_playing(record: Mapping[str, Any], report: Callable[[str, Any, str], None]) -> Playing:
    """Return how a trial's clips played; what is no count and no time is not known.

    `report` is told of that: the field, its value, and what is allowed, empty for a time.
    """
    counts = {name: record.get(name) for name in COUNTS}
    for name, value in counts.items():
        if value is not None and not (type(value) is int and 0 <= value <= MOST):
            counts[name] = None
            report(name, value, f"a count up to {MOST}")
    skew_ms = record.get("skew_ms")
    if skew_ms is not None and not (type(skew_ms) in {int, float} and -FARTHEST_MS <= skew_ms < FARTHEST_MS):
        report("skew_ms", skew_ms, "")
        skew_ms = None
    return Playing(counts["plays"], skew_ms, counts["dropped"], counts["stalls"])
