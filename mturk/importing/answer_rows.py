"""A row of a table from elsewhere: cells by role, exposure and time. What it lacks is not made up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from glimpse.errors import GlimpseError

from .batch_results import RowError, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from glimpse.tables import Table

Read = TypeVar("Read")
SHORTEST_MS = 4.0  # a frame at 250 Hz: an exposure in ms below it is in seconds
LONGEST_MS = 3_600_000.0
MOMENTS = (10**8, 10**11)  # seconds since 1970 that are a time of day, not a count


@dataclass(frozen=True)
class AnswerRow:
    """A row: where it stands, its cells, the table's head, and the place of each role's column."""

    where: str
    cells: list[str]
    head: Sequence[str]
    at: Mapping[str, int]

    def needed(self, role: str) -> str:
        """Return the cell of a role; RowError where it is empty."""
        cell = self.cells[self.at[role]]
        if not cell:
            raise RowError(f"{self.where}: column {self.name(role)} is empty")
        return cell

    def name(self, role: str) -> str:
        """Return what the column of a role is called."""
        return self.head[self.at[role]]

    def exposure(self) -> float | None:
        """Return the exposure in ms; None where no column says it. RowError for none of a person's."""
        for role, factor in (("exposure_ms", 1.0), ("exposure_s", 1000.0)):
            if role not in self.at:
                continue
            value = self.number(role)
            if value is None:
                return None
            ms = round(value * factor, 6)
            if not SHORTEST_MS <= ms <= LONGEST_MS:
                hint = (
                    ""
                    if role == "exposure_s"
                    else f"; if these are seconds, say --column exposure_s={self.name(role)}"
                )
                raise RowError(f"{self.where}: {self.name(role)} is {value:g}, no exposure of a person{hint}")
            return ms
        return None

    def number(self, role: str) -> float | None:
        """Return a number from 0, None of an empty cell; RowError for anything else."""
        cell = self.cells[self.at[role]]
        if not cell:
            return None
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            raise RowError(f"{self.where}: {self.name(role)} is {cell!r}, no number from 0")
        return value

    def time(self) -> tuple[str | None, str]:
        """Return when it was answered (ISO 8601 in UTC), and what is wrong with the cell."""
        if "time" not in self.at:
            return None, ""
        cell = self.cells[self.at["time"]]
        try:
            seconds = float(cell)
        except ValueError:
            try:
                return moment(cell), ""
            except ValueError:
                return None, (
                    f"{self.where}: time {cell!r} is neither ISO 8601 (2026-01-31 13:45) nor seconds from "
                    "1970 on; the row was kept without its time"
                )
        seconds = seconds / 1000 if seconds > MOMENTS[1] else seconds
        if not MOMENTS[0] <= seconds <= MOMENTS[1]:
            return None, f"{self.where}: time {cell!r} is no date; the row was kept without its time"
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), ""


def rows_read(table: Table, read: Callable[[str, list[str]], Iterable[Read | str]]) -> Iterator[Read | str]:
    """Yield what `read` makes of each row, by where it stands and its cells, and what is wrong with others.

    read: raises RowError for a row that cannot be read; a text among what it yields is a problem, too.
    """
    for line, cells in table.rows:
        where = f"{table.file}, line {line}"
        if len(cells) != len(table.head):
            yield f"{where}: the row does not have the header's {len(table.head)} cells"
            continue
        try:
            yield from read(where, [cell.strip() for cell in cells])
        except RowError as error:
            yield str(error)


def kept(found: Iterable[Read | str], paths: Sequence[Path], wanted: str) -> tuple[list[Read], list[str]]:
    """Tell rows from problems; GlimpseError, naming the files and what is `wanted`, where no row is left."""
    rows: list[Read] = []
    problems: list[str] = []
    for one in found:
        if isinstance(one, str):
            problems.append(one)
        else:
            rows.append(one)
    if not rows:
        first = f" The first: {problems[0]}" if problems else ""
        raise GlimpseError(f"{', '.join(map(str, paths))}: no row is {wanted}.{first}")
    return rows, problems
