"""Tables of answers to single images, one row an answer: real or generated. Nothing is made up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from glimpse.errors import GlimpseError
from glimpse.questions import GENERATED, REAL, value_of
from glimpse.tables import read_table

from .answer_rows import AnswerRow, kept, rows_read
from .batch_results import RowError
from .vote_columns import ROLES, Role, roles_at
from .votes import NO, YES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


SINGLE_ROLES = {
    "worker": ROLES["worker"],
    "item": Role(
        ("item", "item_id", "image", "image_id", "img", "file", "filename", "picture", "stimulus", "scene"),
        "which image was shown",
    ),
    "condition": Role(
        ("condition", "shown", "shown_condition", "system", "model", "generator", "method", "source", "truth",
         "ground_truth", "label"), "what the image is of: the real condition, or a system",
    ),
    "answer": Role(
        ("answer", "response", "choice", "judgment", "judgement", "vote", "rating", "said"),
        "real or generated; or a whole number from -3 (real, sure) to 3 (generated, sure), without 0",
    ),
    "said_generated": Role(
        ("said_generated", "said_fake", "called_generated", "called_fake", "judged_fake", "chose_fake"),
        "1 where the answer was generated, 0 where it was real",
    ),
    **{role: ROLES[role] for role in ("exposure_ms", "exposure_s", "time", "response_ms")},
}  # fmt: skip
SINGLE_KNOWN = tuple(name for role in SINGLE_ROLES.values() for name in role.names)
SAID_REAL = (REAL, "authentic", "genuine", "photo", "photograph", "original", "natural")
SAID_GENERATED = (
    GENERATED, "fake", "synthetic", "artificial", "ai", "ai-generated", "deepfake", "computer-generated",
)  # fmt: skip
MOST_SURE = 3


class SingleVote(NamedTuple):
    """One answer; value: below 0 for real, above 0 for generated, the further from 0 the surer.

    rated: whether the table gave a number. exposure_ms, response_ms, time: None where it does not say.
    """

    where: str
    worker: str
    condition: str
    item: str
    value: int
    rated: bool
    exposure_ms: float | None
    response_ms: float | None
    time: str | None


@dataclass(frozen=True)
class SingleVotes:
    """What the files hold; problems: rows and cells left out. columns, unread: as of `votes.Votes`."""

    votes: tuple[SingleVote, ...]
    problems: tuple[str, ...]
    columns: tuple[str, ...]
    unread: tuple[str, ...]


def read_single_votes(paths: Sequence[Path], stated: Sequence[str] = ()) -> SingleVotes:
    """Read tables of answers to single images.

    stated: texts ROLE=COLUMN. GlimpseError where a file is no such table, or none of its rows is an answer;
    rows that cannot be read are `problems`.
    """
    found: list[SingleVote | str] = []
    read, unread = dict[str, None](), dict[str, None]()
    for path in paths:
        table = read_table(path, SINGLE_KNOWN)
        at = roles_at(table.head, stated, str(path), SINGLE_ROLES)
        _check(at, table.head, str(path))
        read.update(dict.fromkeys(f"{role} = {table.head[place]}" for role, place in at.items()))
        unread.update(
            dict.fromkeys(name for place, name in enumerate(table.head) if place not in at.values())
        )
        found += rows_read(table, partial(_votes, table.head, at))
    votes, problems = kept(found, paths, "an answer to an image")
    return SingleVotes(tuple(votes), tuple(problems), tuple(read), tuple(unread))


def _check(at: Mapping[str, int], head: Sequence[str], where: str) -> None:
    """Refuse a table that lacks what an answer is."""
    lacking = [role for role in ("worker", "item", "condition") if role not in at]
    lacking += [] if {"answer", "said_generated"} & at.keys() else ["answer"]
    if lacking:
        wanted = "; ".join(f"{name}: {SINGLE_ROLES[name].meaning}" for name in lacking)
        raise GlimpseError(
            f"{where}: no column is known to be {', '.join(lacking)} ({wanted}). The file has "
            f"{', '.join(head)}. Say which it is: --column {lacking[0]}=COLUMN."
        )


def _votes(
    head: Sequence[str], at: Mapping[str, int], where: str, cells: list[str]
) -> Iterable[SingleVote | str]:
    """The answer of a row, and what is wrong with its time."""
    row = AnswerRow(where, cells, head, at)
    value, rated = _value(row)
    time, problem = row.time()
    yield SingleVote(
        where, row.needed("worker"), row.needed("condition"), row.needed("item"), value, rated,
        row.exposure(), row.number("response_ms") if "response_ms" in at else None, time,
    )  # fmt: skip
    if problem:
        yield problem


def _value(row: AnswerRow) -> tuple[int, bool]:
    """What a row answers as a number, and whether the table gave one."""
    role = "answer" if "answer" in row.at else "said_generated"
    cell = row.needed(role)
    word = cell.lower()
    if role == "said_generated":
        if word in (*YES, *NO):
            return value_of(GENERATED if word in YES else REAL), False
        raise RowError(f"{row.where}: {row.name(role)} is {cell!r}; allowed are 1 (generated) and 0 (real)")
    for words, said in ((SAID_REAL, REAL), (SAID_GENERATED, GENERATED)):
        if word in words:
            return value_of(said), False
    number = word.removeprefix("+").removesuffix(".0")
    if number.removeprefix("-").isdecimal() and 0 < abs(int(number)) <= MOST_SURE:
        return int(number), True
    hint = f"; if 1 is generated and 0 real, say --column said_generated={row.name(role)}" * (word in NO)
    raise RowError(
        f"{row.where}: {row.name(role)} is {cell!r}; allowed are real and generated (or fake), or a whole "
        f"number from -{MOST_SURE} (real, sure) to {MOST_SURE} (generated, sure), without 0{hint}"
    )
