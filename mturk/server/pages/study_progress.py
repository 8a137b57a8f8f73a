"""What the dashboard shows of a study: counts by batch and HIT, money, the latest events."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..storage import draws, earlier_rewards, events, hits, tallies
from ..storage.transitions import status
from ..storage.workers import GUEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..storage.database import Row, Transaction
    from ..storage.screening import Exclusions, Tallies

SHOWN = 50
_EVENTS = 8
_NO_BATCH = "HITs"


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


def study_progress(tx: Transaction, study: str, exclusions: Exclusions, page: int = 1) -> dict[str, Any]:
    """Return a study's lines (`total`, `batches` and `hits` of one page), its costs and its latest `events`.

    A page shows SHOWN HITs of all batches in order; `page` 1 is the first, `pages` tells how many there are.
    """
    key = None if study == tallies.NO_STUDY else study
    out = exclusions.count(tx, key)
    sums = tallies.of_study(tx, key)
    batches = {batch: _sum(batch or _NO_BATCH, rows, out) for batch, rows in _by_batch(sums)}
    total = _sum("All", sums, out)
    pages = max(1, -(-total.hits // SHOWN))
    start = SHOWN * (min(page, pages) - 1)
    rows = hits.page_of_study(tx, key, start, SHOWN)
    shown: dict[str, list[Line]] = {}
    for row in rows:
        shown.setdefault(row["batch"] or _NO_BATCH, []).append(_of_hit(row, out, tx.now))
    return {
        "title": rows[0]["title"] if rows else "",
        "reward": rows[0]["reward"] if rows else "",
        "total": total,
        "batches": [line for line in batches.values() if line.name in shown],
        "hits": shown,
        "page": min(page, pages),
        "pages": pages,
        "places": (start + 1, start + len(rows)),
        "counting": out is not None and out.behind,
        "approved_usd": sum((Decimal(row["reward"]) * row["approved"] for row in sums), Decimal(0))
        + earlier_rewards.difference_usd(tx, key),
        "bonuses_usd": Decimal(sum(row["bonus_cents"] for row in sums)) / 100,
        "standings": draws.standings(tx, study),
        "events": events.latest_of_study(tx, key, _EVENTS, GUEST),
    }


def _by_batch(sums: list[Row]) -> Iterator[tuple[str | None, list[Row]]]:
    for batch, rows in groupby(sums, key=lambda row: row["batch"]):
        yield batch, list(rows)


def _of_hit(hit: Row, out: Tallies | None, now: float) -> Line:
    excluded = None if out is None else out.by_hit[hit["hit_id"]]
    return _line(hit["name"] or hit["hit_id"], 1, [hit], excluded, status(hit, now))


def _sum(name: str, sums: list[Row], out: Tallies | None) -> Line:
    excluded = None if out is None else sum(out.by_batch[batch] for batch in {r["batch"] for r in sums})
    return _line(name, sum(row["hits"] for row in sums), sums, excluded)


def _line(name: str, n_hits: int, rows: list[Row], excluded: int | None, state: str = "") -> Line:
    def total(column: str) -> int:
        return sum(row[column] for row in rows)

    return Line(
        name=name,
        hits=n_hits,
        slots=total("max_assignments"),
        working=total("pending"),
        waiting=total("submitted"),
        approved=total("approved"),
        rejected=total("rejected"),
        returned=total("returned"),
        abandoned=total("abandoned"),
        excluded=excluded,
        status=state,
    )
