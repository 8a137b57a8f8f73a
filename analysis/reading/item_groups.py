"""items.csv: which group each item is in, such as the category of its prompt. Columns item and group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError
from glimpse.images import same_name
from glimpse.tables import read_table

from .design import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from glimpse.tables import Table

COLUMNS = ("item", "group")
FILE = "items.csv"
NAMED = 5  # items that a message lists


def found_beside(folders: Sequence[Path]) -> Path | None:
    """Return the items.csv of a results folder, or beside it, that has both columns; None without one."""
    for folder in folders:
        for path in (folder / FILE, folder.resolve().parent / FILE):
            if path.is_file() and {*COLUMNS} <= {name.lower() for name in _head(path)}:
                return path
    return None


def _head(path: Path) -> list[str]:
    try:
        return read_table(path, COLUMNS).head
    except GlimpseError:
        return []


def table_of_groups(path: Path) -> Table:
    """Read a table of items and groups; GlimpseError where the file is none."""
    table = read_table(path, COLUMNS)
    names = [name.lower() for name in table.head]
    if missing := [name for name in COLUMNS if name not in names]:
        raise GlimpseError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {' and '.join(missing)}; it has "
            f"{', '.join(table.head)}. A row is an item and its group."
        )
    return table


def read_item_groups(path: Path, items: Collection[str]) -> tuple[dict[str, str], list[Problem]]:
    """Read the group of each item.

    items: those that were judged. Returns item -> group, and Problems: items that nobody judged, by line, and
    judged ones without a group, which no group's ranking counts. GlimpseError where the file has no such
    columns, an item twice, an empty cell, or no judged item.
    """
    table = table_of_groups(path)
    names = [name.lower() for name in table.head]
    known = {same_name(item) for item in items}
    groups: dict[str, str] = {}
    line_of: dict[str, int] = {}
    problems: list[Problem] = []
    for line, cells in table.rows:
        values = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        item, group = same_name(values.get("item", "")), values.get("group", "")
        if not item or not group:
            raise GlimpseError(f"{path}, line {line}: item or group is empty; fill both, or remove the row.")
        if item in line_of:
            raise GlimpseError(
                f"{path}, line {line}: item {item!r} is on line {line_of[item]}, too; an item has one group."
            )
        line_of[item] = line
        if item in known:
            groups[item] = group
        else:
            problems.append(Problem(str(path), line, f"nobody judged item {item!r}"))
    if not groups:
        raise GlimpseError(
            f"{path}: none of its {len(line_of)} items was judged; items are called "
            f"{', '.join(sorted(known)[:NAMED])}."
        )
    if lacking := sorted(known - groups.keys()):
        more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
        problems.append(
            Problem(
                str(path), None,
                f"no group for {', '.join(map(repr, lacking[:NAMED]))}{more}: no group has their answers",
            )
        )  # fmt: skip
    return groups, problems
