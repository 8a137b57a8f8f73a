"""Which column of a table of votes says what: by its usual name, or as `--column` states it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Role(NamedTuple):
    """What a column may say: the names that are usual for it, the likeliest first, and its meaning."""

    names: tuple[str, ...]
    meaning: str


def _of(*kinds: str, ends: Sequence[str]) -> tuple[str, ...]:
    """Names such as condition_a, a_condition, conditiona."""
    return tuple(
        name for kind in kinds for end in ends for name in (f"{kind}_{end}", f"{end}_{kind}", f"{kind}{end}")
    )


KINDS = ("condition", "model", "method", "system", "algorithm", "name")
IMAGES = ("item", "image", "scene", "img", "file")
ROLES = {
    "worker": Role(
        ("worker", "worker_id", "observer", "observer_id", "participant", "participant_id", "user", "user_id",
         "subject", "subject_id", "rater", "rater_id", "annotator", "annotator_id", "judge", "session",
         "session_id"), "who answered",
    ),
    "item": Role(
        ("item", "item_id", "scene", "scene_id", "prompt", "prompt_id", "image", "image_id", "content",
         "content_id", "source", "reference", "stimulus"), "what both images show",
    ),
    "item_a": Role(_of(*IMAGES, ends=("a", "left", "1")), "what the first image shows, where items differ"),
    "item_b": Role(_of(*IMAGES, ends=("b", "right", "2")), "what the second image shows"),
    "a": Role((*_of(*KINDS, ends=("a", "left", "1")), "left", "a"), "the first condition"),
    "b": Role((*_of(*KINDS, ends=("b", "right", "2")), "right", "b"), "the second condition"),
    "winner": Role(
        ("winner", "preferred", "preference", "chosen", "choice", "vote", "selected", "answer"),
        "which was chosen: a name, a, b, left, right, or tie",
    ),
    "chose_a": Role(
        ("is_a_selected", "a_selected", "selected_a", "chose_a", "a_chosen", "is_a_preferred", "a_preferred",
         "a_wins"), "1 where the first was chosen, 0 where the second was, 0.5 for a tie",
    ),
    "question": Role(("question", "criterion", "dimension", "attribute", "aspect"), "what was asked"),
    "exposure_ms": Role(("exposure_ms", "exposure", "duration_ms"), "how long images were shown, in ms"),
    "exposure_s": Role(("exposure_s", "exposure_seconds", "duration_s"), "the same, in seconds"),
    "time": Role(
        ("timestamp", "time", "date", "datetime", "created_at", "submitted_at", "tstamp"),
        "when it was answered: ISO 8601, or seconds since 1970",
    ),
    "response_ms": Role(("response_ms", "response_time_ms", "rt_ms", "rt"), "how long it took, in ms"),
}  # fmt: skip
ANSWERS = ("winner", "chose_a")
NEEDED = ("worker", "a", "b")
KNOWN = tuple(name for role in ROLES.values() for name in role.names)


@dataclass(frozen=True)
class Columns:
    """The place of each role's column; answers: role and place of what answers each question, by its name.

    A question by the name "" is the table's only one, or the one that a row names. sided: whether the columns
    of the conditions are named by their sides.
    """

    at: Mapping[str, int]
    answers: Mapping[str, tuple[str, int]]
    sided: bool

    def read_as(self, head: Sequence[str]) -> list[str]:
        """Return what each column of the head is read as, such as "worker = observer"."""
        found = [(place, role) for role, place in self.at.items()]
        for question, (role, place) in self.answers.items():
            found.append((place, f"{role}:{question}" if question else role))
        return [f"{role} = {head[place]}" for place, role in sorted(found)]

    def left_out(self, head: Sequence[str]) -> list[str]:
        """Return the columns of the head that are not read."""
        read = {*self.at.values(), *(place for _, place in self.answers.values())}
        return [name for place, name in enumerate(head) if place not in read]


def columns_of(head: Sequence[str], stated: Sequence[str], where: str) -> Columns:
    """Find the columns in a table's head.

    stated: texts ROLE=COLUMN, of which `winner:QUESTION=COLUMN` and `chose_a:QUESTION=COLUMN` name the
    answers to one of several questions. GlimpseError names what is missing, unknown or there twice.
    """
    names = [_plain(name) for name in head]
    at: dict[str, int] = {}
    answers: dict[str, tuple[str, int]] = {}
    for role, question, place in _stated(head, stated, where):
        if role in ANSWERS:
            answers[question] = (role, place)
        else:
            at[role] = place
    taken = {*at.values(), *(place for _, place in answers.values())}
    for role, known in ROLES.items():
        places = [names.index(name) for name in known.names if name in names]
        free = [place for place in places if place not in taken]
        if role in at or not free or (role in ANSWERS and answers):
            continue
        taken.add(free[0])
        if role in ANSWERS:
            answers[""] = (role, free[0])
        else:
            at[role] = free[0]
    answers = answers or _by_question(names)
    _check(at, answers, head, where)
    return Columns(at, answers, "left" in names[at["a"]] and "right" in names[at["b"]])


def roles_at(
    head: Sequence[str], stated: Sequence[str], where: str, roles: Mapping[str, Role]
) -> dict[str, int]:
    """Find the column of each role, as stated or by its usual names; GlimpseError as for `columns_of`."""
    names = [_plain(name) for name in head]
    at = {role: place for role, _, place in _stated(head, stated, where, roles, ())}
    for role, known in roles.items():
        places = [names.index(name) for name in known.names if name in names]
        free = [place for place in places if place not in at.values()]
        if role not in at and free:
            at[role] = free[0]
    return at


def _plain(name: str) -> str:
    """A column's name as usual names are written."""
    return re.sub(r"[\s\-.]+", "_", name.strip().lower())


def _stated(
    head: Sequence[str],
    stated: Sequence[str],
    where: str,
    roles: Mapping[str, Role] = ROLES,
    answers: Sequence[str] = ANSWERS,
) -> list[tuple[str, str, int]]:
    """Role, question and place of each stated column; answers: the roles that may name a question."""
    found: list[tuple[str, str, int]] = []
    for text in stated:
        role, equals, column = (part.strip() for part in text.partition("="))
        role, _, question = (part.strip() for part in role.partition(":"))
        if not equals or role not in roles or (question and role not in answers):
            several = "; of several questions winner:QUESTION=COLUMN" if answers else ""
            raise GlimpseError(
                f"--column {text!r}: write ROLE=COLUMN with a role of {', '.join(roles)}{several}."
            )
        if column not in head:
            raise GlimpseError(
                f"--column {text!r}: {where} has no column {column!r}; it has {', '.join(head)}."
            )
        if any((role, question) == one[:2] for one in found):
            raise GlimpseError(f"--column names {role} twice; name it once.")
        found.append((role, question, head.index(column)))
    return found


def _by_question(names: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Columns such as winner_quality: the answers to each of several questions."""
    found: dict[str, tuple[str, int]] = {}
    for place, name in enumerate(names):
        for role in ANSWERS:
            for usual in ROLES[role].names:
                if name.startswith(f"{usual}_"):
                    found[name.removeprefix(f"{usual}_")] = (role, place)
                elif name.endswith(f"_{usual}"):
                    found[name.removesuffix(f"_{usual}")] = (role, place)
    return found


def _check(
    at: Mapping[str, int], answers: Mapping[str, tuple[str, int]], head: Sequence[str], where: str
) -> None:
    """Refuse a table that lacks what a vote is."""
    lacking = [name for name in NEEDED if name not in at]
    if not answers:
        lacking.append("winner")
    if "item" not in at and not {"item_a", "item_b"} <= at.keys():
        lacking.append("item")
    if lacking:
        wanted = "; ".join(f"{name}: {ROLES[name].meaning}" for name in lacking)
        raise GlimpseError(
            f"{where}: no column is known to be {', '.join(lacking)} ({wanted}). The file has "
            f"{', '.join(head)}. Say which it is: --column {lacking[0]}=COLUMN."
        )
    if "question" in at and list(answers) != [""]:
        raise GlimpseError(
            f"{where}: the column {head[at['question']]} says what was asked, and {', '.join(answers)} have "
            "columns of their own; it can be only one of the two."
        )
