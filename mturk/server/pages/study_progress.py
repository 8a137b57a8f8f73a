"""What the dashboard shows of a study: counts by batch and HIT, money, the latest events."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..storage import assignments, bonuses, events, hits
from ..storage.transitions import status
from ..storage.workers import GUEST

if TYPE_CHECKING:
    from ..storage.database import Row, Transaction
    from ..storage.screening import Exclusions

_EVENTS = 8


@dataclass(frozen=True)
class Line:
    """Progress of a HIT, a batch or a whole study; counts are of assignments."""

    name: str
    hits: int
    slots: int
    working: int
    waiting: int
    approved: int
    rejected: int
    returned: int
    abandoned: int
    excluded: int | None
    status: str = ""

    @property
    def done(self) -> int:
        """Submitted ones, whatever was decided."""
        return self.waiting + self.approved + self.rejected

    def percent(self, number: int) -> float:
        """Return a count as a share of the slots, in percent."""
        return round(100 * number / self.slots, 2) if self.slots else 0.0


def study_progress(tx: Transaction, study: str, exclusions: Exclusions) -> dict[str, Any]:
    """Return a study's lines (`total`, `batches`, `hits` by batch), its costs and its latest `events`."""
    key = None if study == hits.NO_STUDY else study
    rows = hits.all_of_study(tx, key)
    ended = assignments.given_up(tx, key)
    out = _excluded(tx, key, exclusions)
    lines: dict[str, list[Line]] = {}
    rewards = Decimal(0)
    for row in rows:
        line = _line(row, ended, out, tx.now)
        lines.setdefault(row["batch"] or "HITs", []).append(line)
        rewards += Decimal(row["reward"]) * line.approved
    batches = [_sum(batch, members) for batch, members in lines.items()]
    return {
        "title": rows[0]["title"] if rows else "",
        "reward": rows[0]["reward"] if rows else "",
        "total": _sum("All", batches),
        "batches": batches,
        "hits": lines,
        "approved_usd": rewards,
        "bonuses_usd": bonuses.sum_of_study(tx, key),
        "events": events.latest_of_study(tx, key, _EVENTS, GUEST),
    }


def _line(hit: Row, ended: dict[tuple[str, str], int], out: dict[str, int] | None, now: float) -> Line:
    return Line(
        name=hit["name"] or hit["hit_id"],
        hits=1,
        slots=hit["max_assignments"],
        working=hit["pending"],
        waiting=hit["submitted"],
        approved=hit["approved"],
        rejected=hit["rejected"],
        returned=ended.get((hit["hit_id"], "Returned"), 0),
        abandoned=ended.get((hit["hit_id"], "Abandoned"), 0),
        excluded=None if out is None else out.get(hit["hit_id"], 0),
        status=status(hit, now),
    )


def _sum(name: str, lines: list[Line]) -> Line:
    def total(field: str) -> int:
        return sum(getattr(line, field) or 0 for line in lines)

    known = all(line.excluded is not None for line in lines)
    return Line(
        name=name,
        excluded=total("excluded") if known else None,
        hits=total("hits"),
        slots=total("slots"),
        working=total("working"),
        waiting=total("waiting"),
        approved=total("approved"),
        rejected=total("rejected"),
        returned=total("returned"),
        abandoned=total("abandoned"),
    )


def _excluded(tx: Transaction, study: str | None, exclusions: Exclusions) -> dict[str, int] | None:
    if study is None or not exclusions.readable(study):
        return None
    rows = assignments.answers(tx, study)
    found = exclusions.excluded(study, rows)
    counted: dict[str, int] = {}
    for row in rows:
        if row["assignment_id"] in found:
            counted[row["hit_id"]] = counted.get(row["hit_id"], 0) + 1
    return counted
