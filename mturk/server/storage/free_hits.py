"""HITs with free slots: which of them a worker gets next, and which there are by study, batch and type.

What a HIT requires is not looked at here, nor whether the worker is blocked: see `offers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import tallies
from .database import equal, marks
from .hits import FACTS

if TYPE_CHECKING:
    from collections.abc import Collection

    from .database import Row, Transaction

# HITs of a group beyond this number are not counted.
MOST_COUNTED = 100
_TAKEN = "pending + submitted + approved + rejected"
_HELD = "worker_id = ? AND status NOT IN ('Returned', 'Abandoned')"
_FREE = f"""disposed IS NULL AND expiry_logged = 0 AND {_TAKEN} < max_assignments AND expires > ?
  AND hit_id NOT IN (SELECT hit_id FROM assignments WHERE {_HELD})"""  # noqa: S608 - constants
_ONE_A_BATCH = f""" AND (study IS NULL OR NOT EXISTS (
  SELECT 1 FROM assignments JOIN hits AS other USING (hit_id) WHERE {_HELD}
  AND other.study = hits.study AND other.batch = hits.batch))"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Wanted:
    """Which HITs to look among: of these `studies` (None: of all), of a HIT type or batch.

    With `one_a_batch` none of a batch of which the worker has another HIT.
    """

    studies: frozenset[str] | None = None
    hit_type: str | None = None
    batch: str | None = None
    one_a_batch: bool = False


def least_filled(tx: Transaction, worker_id: str, wanted: Wanted, but: Collection[str] = ()) -> Row | None:
    """Return the HIT that a worker is to take next, of no HIT type in `but`; None when there is none."""
    sql, values = _FREE, [tx.now, worker_id]
    if wanted.studies is not None:
        sql, values = f"{sql} AND study IN ({marks(wanted.studies)})", [*values, *sorted(wanted.studies)]
    for column, value in (("hit_type_id", wanted.hit_type), ("batch", wanted.batch)):
        if value is not None:
            sql, values = f"{sql} AND hits.{column} = ?", [*values, value]
    if wanted.one_a_batch:
        sql, values = sql + _ONE_A_BATCH, [*values, worker_id]
    if but:
        sql, values = f"{sql} AND hit_type_id NOT IN ({marks(but)})", [*values, *but]
    return tx.one(f"{FACTS} WHERE {sql} ORDER BY {_TAKEN}, hits.seq LIMIT 1", *values)


def groups(tx: Transaction, worker_id: str, studies: Collection[str] | None = None) -> list[tuple[Row, int]]:
    """Return, by study, batch and HIT type, the first HIT and how many there are, at most MOST_COUNTED.

    Of these `studies`; None stands for all.
    """
    found = []
    for group in tallies.with_places(tx):
        if studies is None or group["study"] in studies:
            hit, number = _group(tx, worker_id, group)
            if hit is not None:
                found.append((hit, number))
    return found


def _group(tx: Transaction, worker_id: str, group: Row) -> tuple[Row | None, int]:
    sql = f"{_FREE} AND hits.hit_type_id = ?"
    values: list[Any] = [tx.now, worker_id, group["hit_type_id"]]
    for column in ("study", "batch"):
        condition, value = equal(column, group[column] or None)
        sql, values = f"{sql} AND {condition}", [*values, *value]
    first = tx.one(f"{FACTS} WHERE {sql} ORDER BY hits.seq LIMIT 1", *values)
    counted = f"SELECT COUNT(*) AS n FROM (SELECT 1 FROM hits WHERE {sql} LIMIT {MOST_COUNTED}) AS found"  # noqa: S608 - constants
    row = tx.one(counted, *values) if first else None
    return first, row["n"] if row else 0
