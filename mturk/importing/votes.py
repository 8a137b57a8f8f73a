"""Tables of votes, one row an answer to a pair, read as votes. What a row does not say is not made up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from glimpse.tables import read_table

from .answer_rows import AnswerRow, kept, rows_read
from .batch_results import RowError
from .vote_columns import KNOWN, Columns, columns_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


A, B, TIE = "a", "b", "tie"
TIES = ("tie", "tied", "draw", "equal", "same", "both", "neither", "none", "no preference", "cannot tell")
FIRST, SECOND = ("a", "1", "first", "left"), ("b", "2", "second", "right")
YES, NO, HALF = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no"), ("0.5", ".5")


class Vote(NamedTuple):
    """One answer: `chosen` is A, B or TIE. `question` is empty where the table has one question.

    exposure_ms, response_ms: None where the table does not say. time: ISO 8601 in UTC, or None.
    """

    where: str
    worker: str
    a: str
    b: str
    item_a: str
    item_b: str
    question: str
    chosen: str
    exposure_ms: float | None
    response_ms: float | None
    time: str | None


@dataclass(frozen=True)
class Votes:
    """What the files hold.

    sided: whether A stood left in every row. problems: rows and cells left out. columns: what each column is
    read as ("worker = observer"). unread: the columns that are not read.
    """

    votes: tuple[Vote, ...]
    sided: bool
    problems: tuple[str, ...]
    columns: tuple[str, ...]
    unread: tuple[str, ...]


def read_votes(paths: Sequence[Path], stated: Sequence[str] = (), *, a_is_left: bool = False) -> Votes:
    """Read tables of votes.

    stated: as `columns_of` takes them. a_is_left: the first condition of a row stood left. GlimpseError where
    a file is no table of votes, or none of its rows is a vote; rows that cannot be read are `problems`.
    """
    found: list[Vote | str] = []
    read, unread = dict[str, None](), dict[str, None]()
    sided = True
    for path in paths:
        table = read_table(path, KNOWN)
        columns = columns_of(table.head, stated, str(path))
        sided &= a_is_left or columns.sided
        read.update(dict.fromkeys(columns.read_as(table.head)))
        unread.update(dict.fromkeys(columns.left_out(table.head)))
        found += rows_read(table, partial(_votes, table.head, columns))
    votes, problems = kept(found, paths, "a vote")
    return Votes(tuple(votes), sided, tuple(problems), tuple(read), tuple(unread))


def _votes(head: Sequence[str], columns: Columns, where: str, cells: list[str]) -> Iterable[Vote | str]:
    """The votes of a row, and what is wrong with it."""
    return _VoteRow(where, cells, head, columns.at, columns.answers).votes()


@dataclass(frozen=True)
class _VoteRow(AnswerRow):
    """A row with the columns that answer each question, by its name."""

    answers: Mapping[str, tuple[str, int]]

    def votes(self) -> list[Vote | str]:
        """The answers of the row, one a question; RowError where it is no vote."""
        at = self.at
        a, b = self.needed("a"), self.needed("b")
        if a == b:
            raise RowError(f"{self.where}: both conditions are {a!r}; a vote compares two")
        item_a, item_b = (self.needed(end if end in at else "item") for end in ("item_a", "item_b"))
        worker, exposure_ms = self.needed("worker"), self.exposure()
        time, problem = self.time()
        response_ms = self.number("response_ms") if "response_ms" in at else None
        question = self.needed("question") if "question" in at else ""
        found: list[Vote | str] = [problem] if problem else []
        answered = 0
        for name, (role, place) in self.answers.items():
            if not self.cells[place] and len(self.answers) > 1:
                continue
            answered += 1
            chosen = self._chosen(role, place, a, b)
            found.append(
                Vote(self.where, worker, a, b, item_a, item_b, name or question, chosen, exposure_ms,
                     response_ms, time)
            )  # fmt: skip
        if not answered:
            raise RowError(f"{self.where}: no question has an answer")
        return found

    def _chosen(self, role: str, place: int, a: str, b: str) -> str:
        """A, B or TIE."""
        cell = self.cells[place]
        word = cell.lower()
        if role == "chose_a":
            for words, chosen in ((YES, A), (NO, B), (HALF, TIE), (TIES, TIE)):
                if word in words:
                    return chosen
            raise RowError(
                f"{self.where}: {self.head[place]} is {cell!r}; allowed are 1, 0, and 0.5 for a tie"
            )
        if cell in (a, b):
            return A if cell == a else B
        if word in (*FIRST, *SECOND) and word in (a.lower(), b.lower()):
            raise RowError(
                f"{self.where}: {self.head[place]} is {cell!r}, which may be a side or, spelt otherwise, the "
                "condition of that name; write conditions everywhere in one way"
            )
        first, second = (self.name(end).lower() for end in ("a", "b"))
        if word in (*FIRST, first):
            return A
        if word in (*SECOND, second):
            return B
        if word in TIES or word.startswith("tie "):
            return TIE
        raise RowError(
            f"{self.where}: {self.head[place]} is {cell!r}; allowed are {a}, {b}, a, b, left, right, "
            f"{self.name('a')}, {self.name('b')}, and tie"
        )
