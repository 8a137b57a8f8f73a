"""Two reports set side by side: file by file, and every number with a tolerance."""

from __future__ import annotations

import csv
import html
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

RELATIVE, ABSOLUTE = 1e-6, 1e-9
KEPT = 200  # deviations of a kind that are listed; all are counted
PICTURES = frozenset({".png", ".pdf", ".svg"})
# Of summary.json: who made it, and the list of what is compared anyway.
NOT_FINDINGS = frozenset({"versions", "files"})
_NUMBER = re.compile(r"[+-]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_ASIDE = re.compile(r"<(svg|script|style)\b.*?</\1>|<[^>]*>", re.DOTALL)


class Deviation(NamedTuple):
    """Where two reports differ: the file, the place in it, and what each says."""

    file: str
    place: str
    was: str
    now: str

    def __str__(self) -> str:
        where = f"{self.file}, {self.place}" if self.place else self.file
        return f"{where}: {self.was or 'nothing'} in the bundle, {self.now or 'nothing'} now"


@dataclass
class Comparison:
    """What came of it.

    files, numbers: how many were compared. largest: the largest relative difference of two numbers that
    count as equal. deviations: of numbers. words: other texts. pictures: figures of other bytes. missing:
    files that are not made now. added: files and columns that the bundle does not have. counts: how many of
    each kind there are, as only the first are listed.
    """

    relative: float = RELATIVE
    files: int = 0
    numbers: int = 0
    largest: float = 0.0
    deviations: list[Deviation] = field(default_factory=list)
    words: list[Deviation] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def same_numbers(self) -> bool:
        """Whether every number of the bundle came out again."""
        return not self.deviations and not self.missing

    @property
    def same(self) -> bool:
        """Whether all came out again, words and figures too."""
        return self.same_numbers and not self.words and not self.pictures

    def value(self, was: Any, now: Any, file: str, place: str) -> None:
        """Compare two values; texts that are numbers are compared as such."""
        one, other = _as_number(was), _as_number(now)
        if one is None or other is None:
            if str(was) != str(now):
                self._add(self.words, "words", Deviation(file, place, _short(was), _short(now)))
            return
        self.numbers += 1
        if one == other or (math.isnan(one) and math.isnan(other)):
            return
        off = abs(one - other)
        size = max(abs(one), abs(other))
        if off <= ABSOLUTE or off <= self.relative * size:
            self.largest = max(self.largest, off / size)
            return
        self._add(self.deviations, "deviations", Deviation(file, place, _short(was), _short(now)))

    def lacking(self, file: str, place: str, was: Any) -> None:
        """Note that something of the bundle did not come out again."""
        self._add(self.deviations, "deviations", Deviation(file, place, _short(was), ""))

    def _add(self, to: list[Deviation], kind: str, one: Deviation) -> None:
        self.counts[kind] += 1
        if len(to) < KEPT:
            to.append(one)


def compare_reports(
    was: Path, now: Path, versions: Sequence[str] = (), relative: float = RELATIVE
) -> Comparison:
    """Compare the report of a bundle with the one that was made now; `versions`: words that may differ."""
    found = Comparison(relative)
    names, new = ({path.name for path in folder.iterdir()} for folder in (was, now))
    found.missing, found.added = sorted(names - new), sorted(new - names)
    for name in sorted(names & new):
        found.files += 1
        one, other = was / name, now / name
        if one.read_bytes() == other.read_bytes():
            found.numbers += _counted(one)
        elif one.suffix in PICTURES:
            found.pictures.append(name)
        elif name == "summary.json":
            compare_values(found, _json(one), _json(other), name)
        elif one.suffix == ".csv":
            _compare_tables(found, one, other)
        else:
            _compare_texts(found, one, other, versions)
    return found


def compare_values(found: Comparison, was: Any, now: Any, file: str, place: str = "") -> None:
    """Compare two values of JSON, whatever is in them."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name, value in was.items():
            inner = f"{place}.{name}" if place else name
            if inner in NOT_FINDINGS:
                continue
            if name in now:
                compare_values(found, value, now[name], file, inner)
            else:
                found.lacking(file, inner, value)
        found.added += [f"{file}: {place}.{name}" for name in now if name not in was]
    elif isinstance(was, list) and isinstance(now, list):
        if len(was) != len(now):
            found.value(len(was), len(now), file, f"number of {place}")
        for number, (one, other) in enumerate(zip(was, now, strict=False)):
            compare_values(found, one, other, file, f"{place}[{number}]")
    else:
        found.value(was, now, file, place)


def _compare_tables(found: Comparison, was: Path, now: Path) -> None:
    """Compare two CSV files row by row, columns by their names."""
    with (
        was.open(encoding="utf-8", errors="replace", newline="") as one,
        now.open(encoding="utf-8", newline="") as other,
    ):
        before, after = csv.reader(one), csv.reader(other)
        head, head_now = next(before, []), next(after, [])
        at = {name: head_now.index(name) for name in head if name in head_now}
        for name in head:
            if name not in at:
                found.lacking(was.name, f"column {name}", name)
        found.added += [f"{was.name}: column {name}" for name in head_now if name not in head]
        for line, (row, row_now) in enumerate(zip_longest(before, after), start=2):
            if row is None or row_now is None:
                found.value(line - 1, "more" if row is None else "fewer", was.name, "rows")
                found.lacking(was.name, f"line {line}", "a row" if row else "no row")
                return
            for cell, name in zip(row, head, strict=False):
                if name in at:
                    found.value(cell, row_now[at[name]], was.name, f"line {line}, {name}")


def _compare_texts(found: Comparison, was: Path, now: Path, versions: Sequence[str]) -> None:
    """Compare two texts word by word, in which numbers may stand; a page without its figures."""
    both = [_words(path, versions) for path in (was, now)]
    for number, (one, other) in enumerate(zip(*both, strict=False), start=1):
        if _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
            found.value(one, other, was.name, f"word {number}")
            return  # whatever follows is out of step
        for before, after in zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True):
            found.value(before.replace(",", ""), after.replace(",", ""), was.name, f"word {number} ({one})")
    if len(both[0]) != len(both[1]):
        found.value(f"{len(both[0])} words", f"{len(both[1])} words", was.name, "")


def _words(path: Path, versions: Sequence[str]) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".html":
        text = html.unescape(_ASIDE.sub(" ", text))
    for one in versions:
        text = re.sub(rf"(?<![\d.]){re.escape(one)}(?![\d.]*\d)", "VERSION", text)
    return text.split()


def _json(path: Path) -> Any:
    """What a file holds, or, where it is not JSON, its text."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _counted(path: Path) -> int:
    """How many numbers a file holds that came out with the same bytes; none in figures and texts."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return sum(_as_number(cell) is not None for row in csv.reader(file) for cell in row)
    return sum(1 for _ in _numbers(_json(path))) if path.suffix == ".json" else 0


def _numbers(value: Any) -> Iterator[float]:
    inside: Iterable[Any] = ()
    if isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, list):
        inside = value
    elif _as_number(value) is not None:
        yield float(value)
    for one in inside:
        yield from _numbers(one)


def _as_number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _short(value: Any) -> str:
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value)[:61])
    return text if len(text) <= 60 else text[:57] + "..."
