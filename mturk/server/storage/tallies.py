"""The table `tallies`: the counts of HITs by study, batch, HIT type, and whether they are disposed.

`hits` keeps them in step, so that nobody has to look at every HIT. The HITs of no study, or of no batch,
stand under an empty text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .database import Row, Transaction

NO_STUDY = "-"
# Counts that stand with a HIT, too.
COUNTS = (
    "max_assignments", "pending", "submitted", "approved", "rejected", "returned", "abandoned", "bonus_cents",
)  # fmt: skip
_KEY = "study, batch, hit_type_id, disposed"
_OF_HIT = (
    "COALESCE(study, ''), COALESCE(batch, ''), hit_type_id, CASE WHEN disposed IS NULL THEN 0 ELSE 1 END"
)
_SUMS = ", ".join(f"SUM({column}) AS {column}" for column in ("hits", *COUNTS))


def enter(tx: Transaction, hit_id: str) -> None:
    """Count a HIT in, as it stands."""
    more = ", ".join(f"{column} = tallies.{column} + excluded.{column}" for column in ("hits", *COUNTS))
    tx.run(
        f"INSERT INTO tallies ({_KEY}, created, newest, hits, {', '.join(COUNTS)}) "  # noqa: S608 - constants
        f"SELECT {_OF_HIT}, created, seq, 1, {', '.join(COUNTS)} FROM hits WHERE hit_id = ? "
        f"ON CONFLICT ({_KEY}) DO UPDATE SET newest = excluded.newest, {more}",
        hit_id,
    )


def leave(tx: Transaction, hit_id: str) -> None:
    """Count a HIT out, as it stands."""
    row = tx.one(f"SELECT {', '.join(COUNTS)} FROM hits WHERE hit_id = ?", hit_id)  # noqa: S608 - constants
    if row is not None:
        add(tx, hit_id, {"hits": -1, **{column: -row[column] for column in COUNTS}})


def add(tx: Transaction, hit_id: str, more: dict[str, int]) -> None:
    """Add to the counts under which a HIT stands."""
    sql = ", ".join(f"{column} = {column} + ?" for column in more)
    tx.run(
        f"UPDATE tallies SET {sql} "  # noqa: S608 - columns
        f"WHERE ({_KEY}) = (SELECT {_OF_HIT} FROM hits WHERE hit_id = ?)",
        *more.values(), hit_id,
    )  # fmt: skip


def with_places(tx: Transaction) -> list[Row]:
    """Return study, batch and HIT type of all HITs that are not full and not disposed, by these names."""
    return tx.all(
        "SELECT study, batch, hit_type_id FROM tallies WHERE disposed = 0 AND hits > 0 "
        "AND pending + submitted + approved + rejected < max_assignments ORDER BY study, batch, hit_type_id"
    )


def types(tx: Transaction, study: str | None) -> list[Row]:
    """Return the HIT types (hit_type_id) of a study; None stands for the HITs of no study."""
    return tx.all(
        "SELECT DISTINCT hit_type_id FROM tallies WHERE study = ? AND disposed = 0 AND hits > 0 "
        "ORDER BY hit_type_id",
        study or "",
    )


def of_study(tx: Transaction, study: str | None) -> list[Row]:
    """Return the counts of a study's HITs by batch and reward; None stands for the HITs of no study."""
    return tx.all(
        f"SELECT batch, reward, {_SUMS} FROM tallies JOIN hit_types USING (hit_type_id) "  # noqa: S608 - constants
        "WHERE study = ? AND hits > 0 GROUP BY batch, reward ORDER BY batch",
        study or "",
    )


def studies(tx: Transaction) -> list[Row]:
    """Return every study with its counts, the newest first; HITs of no study stand under NO_STUDY."""
    return tx.all(
        """SELECT CASE WHEN study = '' THEN ? ELSE study END AS study, MAX(title) AS title,
           SUM(hits) AS hits, SUM(max_assignments) AS slots, SUM(pending) AS working,
           SUM(submitted + approved + rejected) AS done, MIN(tallies.created) AS created
           FROM tallies JOIN hit_types USING (hit_type_id) WHERE disposed = 0 AND hits > 0
           GROUP BY tallies.study ORDER BY MAX(newest) DESC""",
        NO_STUDY,
    )
