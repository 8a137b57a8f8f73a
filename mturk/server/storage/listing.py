"""Lists that are read page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .database import Row, Transaction


@dataclass(frozen=True)
class Listing:
    """The rows of a list, in the order of a unique growing column.

    `sql` ends in a WHERE clause that can be extended; `values` are its parameters. A page begins after the
    last row of the one before, so a list that grows meanwhile loses nothing and repeats nothing.
    """

    sql: str
    values: tuple[Any, ...]
    order: str = "seq"
    descending: bool = False

    def rows(self, tx: Transaction, after: int | None, limit: int) -> list[Row]:
        """Return at most `limit` rows that follow position `after`; None begins at the start."""
        sql, values = self.sql, self.values
        if after is not None:
            sql += f" AND {self.order} {'<' if self.descending else '>'} ?"
            values = (*values, after)
        sql += f" ORDER BY {self.order} {'DESC' if self.descending else 'ASC'} LIMIT ?"
        return tx.all(sql, *values, limit)

    def position(self, row: Row) -> int:
        """Return where a row stands in the list."""
        return int(row[self.order.rpartition(".")[2]])
