"""Whom a bundle must not name: the ids in workers.csv and in the lines, and the numbers in their place."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpse.cells import guarded
from glimpse.people import WORKERS, read_workers
from glimpse.submission import SIMULATOR, AnswerError, read_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Screen = tuple[Any, ...]


class ReadLine(NamedTuple):
    """A line of assignments.jsonl: its number from 1, and what it holds; None where it is no JSON object."""

    number: int
    record: dict[str, Any] | None


@dataclass
class Participants:
    """Everybody in a folder of results.

    workers, assignments: pseudonym and assignment id -> the number that stands for it. ids: every id that
    tells who somebody is. screens: how many people have a browser and screen of exactly this kind.
    """

    workers: dict[str, str]
    assignments: dict[str, str]
    ids: frozenset[str]
    screens: dict[Screen, int] = field(default_factory=dict)

    def singled_out(self, record: dict[str, Any]) -> bool:
        """Tell whether nobody else has the browser and screen that a line states."""
        return self.screens.get(screen_of(record), 0) < 2


def lines_of(results: Path) -> Iterator[ReadLine]:
    """Yield the lines of a folder's assignments.jsonl that are not empty."""
    with (results / "assignments.jsonl").open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if raw.isspace():
                continue
            try:
                yield ReadLine(number, read_line(raw))
            except AnswerError:
                yield ReadLine(number, None)


def read_people(results: Path) -> Participants:
    """Read who took part, from workers.csv and the lines.

    People are numbered as they come in the file, which says no more than the order of its lines. Not in the
    order of their pseudonyms: the study's secret follows from the design and the images, so that whoever has
    a bundle can build the study again, and find out the pseudonym of anybody whose id they know.
    Assignments are numbered by time, by which the first of a worker is told from later ones.
    """
    workers: dict[str, None] = {}
    came: dict[str, tuple[str, str]] = {}
    ids: set[str] = set()
    owners: defaultdict[Screen, set[str]] = defaultdict(set)
    for _, record in lines_of(results):
        if record is None:
            continue
        worker, name = str(record.get("worker", "")), str(record.get("assignment_id", ""))
        workers.setdefault(worker)
        came.setdefault(name, (str(record.get("submitted_at") or ""), name))
        if record.get("hit_id") != record.get("hit"):
            ids.add(str(record.get("hit_id") or ""))
        owners[screen_of(record)].add(worker)
    rows, _ = read_workers(results / WORKERS)
    for row in rows[1:]:
        ids |= {row[0], *map(_unguarded, row[1:3])}
    ids |= {*workers, *came}
    return Participants(
        _numbered(list(workers), "p", 5),
        _numbered(sorted(came, key=lambda name: came[name]), "a", 6),
        frozenset(ids - {""}),
        {screen: len(people) for screen, people in owners.items()},
    )


def screen_of(record: dict[str, Any]) -> Screen:
    """Return what a line says of browser and screen, as far as it can tell people apart."""
    page = record.get("page")
    if not isinstance(page, dict):
        return ()
    stated = (page.get(name) for name in ("user_agent", "viewport", "device_pixel_ratio", "refresh_hz"))
    return tuple(map(str, stated))


def is_simulator(user_agent: str) -> bool:
    """Tell whether a browser's name is that of simulated workers."""
    return user_agent.startswith(SIMULATOR)


def _numbered(names: list[str], letter: str, digits: int) -> dict[str, str]:
    return {name: f"{letter}{place:0{digits}d}" for place, name in enumerate(names, start=1)}


def _unguarded(cell: str) -> str:
    """Return a cell of workers.csv without the mark that keeps spreadsheets from calculating it."""
    return cell[1:] if cell.startswith("'") and guarded(cell[1:]) == cell else cell
