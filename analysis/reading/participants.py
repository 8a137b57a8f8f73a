"""Who took part, in one table without anybody's id: forms, browsers, screens, minutes, pay an hour.

What somebody wrote in words is counted and never quoted. A participant who took several HITs counts once,
with what their first one says; minutes, pay and comments are of assignments.
"""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd
from msgspec import Struct

from glimpse.errors import GlimpseError
from glimpse.forms import FormField, number_of

from .lines import BESIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .results import Results

COLUMNS = ("about", "value", "n", "share", "median", "low", "high")
NO_ANSWER, OTHER, UNKNOWN = "no answer", "another answer", "not known"
USUAL_HZ = (30, 50, 60, 72, 75, 90, 100, 120, 144, 165, 240, 360)
# The first that a browser's name holds: others put the names of those that they resemble into their own.
BROWSERS = {
    "glimpse-simulator": "simulator", "Edg": "Edge", "OPR/": "Opera", "SamsungBrowser": "Samsung Internet",
    "Firefox/": "Firefox", "FxiOS": "Firefox", "Chrome/": "Chrome", "CriOS": "Chrome", "Safari/": "Safari",
}  # fmt: skip


class _Said(Struct, gc=False):
    """What a participant said beside the answers."""

    assignment_id: str
    form: dict[str, str] = {}
    comment: str = ""
    consented_at: str = ""


_decode = msgspec.json.Decoder(_Said).decode


class Fact(NamedTuple):
    """A row of the table; what does not apply is None (numbers) or empty (`value`)."""

    about: str
    value: str
    n: int
    share: float | None = None
    median: float | None = None
    low: float | None = None
    high: float | None = None


def participants(results: Results) -> pd.DataFrame:
    """Return what is known of the people behind `results`, excluded ones too, with the columns COLUMNS.

    about: `participants`, `assignments`, `form: NAME`, `browser`, `refresh rate`, `window width`,
        `window height`, `minutes`, `pay an hour`, `comments`, `consented`.
    value: an option, a browser, a rate; empty where `about` says it all.
    n, share: how many participants have that value, and their share of those asked; of `minutes`,
        `pay an hour` and `comments` how many assignments.
    median, low, high: of numbers; low and high are the quartiles of minutes and pay (US dollars), else the
        smallest and the largest.
    GlimpseError where study.json states a form that no study can have.

    >>> participants(read_results("results")).query("about == 'form: age'")[["value", "n", "share"]]
    ... # doctest: +SKIP
    """
    table = results.assignments
    people = table.drop_duplicates("worker")
    said = _said(results, set(table["assignment"]))
    facts = [Fact("participants", "", len(people)), Fact("assignments", "", len(table))]
    facts += _forms(results, people, said)
    facts += _counted("browser", map(browser, people["user_agent"]))
    facts += _counted("refresh rate", map(_rate, people["refresh_hz"]))
    facts += _number("window width", people["viewport_width"])
    facts += _number("window height", people["viewport_height"])
    minutes = _minutes(table)
    pay = _rewards(results, table) / (minutes / 60)
    facts += _number("minutes", minutes, quartiles=True) + _number("pay an hour", pay, quartiles=True)
    comments = sum(bool(one.comment.strip()) for one in said.values())
    consented = sum(bool(said[name].consented_at) for name in people["assignment"] if name in said)
    facts += [Fact("comments", "", comments, comments / len(table))] if comments else []
    facts += [Fact("consented", "", consented, consented / len(people))] if consented else []
    return pd.DataFrame(facts, columns=list(COLUMNS))


def browser(user_agent: str) -> str:
    """Return a browser's family by the name that it gives itself.

    >>> browser("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
    'Firefox'
    """
    known = (name for mark, name in BROWSERS.items() if mark in user_agent)
    return next(known, "another" if user_agent else UNKNOWN)


def _said(results: Results, known: set[str]) -> dict[str, _Said]:
    """Return what was said beside answers, by assignment; the first line of each counts."""
    found: dict[str, _Said] = {}
    for folder in results.folders:
        if folder in results.without_words:  # as in most studies, which ask for nothing else
            continue
        with (folder / "assignments.jsonl").open("rb") as file:
            for raw in file:
                if not any(field in raw for field in BESIDE):
                    continue
                try:
                    said = _decode(raw)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue  # among the problems of `results`
                if said.assignment_id in known:
                    found.setdefault(said.assignment_id, said)
    return found


def _forms(results: Results, people: pd.DataFrame, said: dict[str, _Said]) -> Iterator[Fact]:
    """Yield a choice's options in their order, a number's range, and how many wrote a text."""
    asked: dict[str, tuple[FormField, list[str]]] = {}  # field and what was entered, by the field's name
    for study, document in results.studies.items():
        names = people.loc[people["study"] == study, "assignment"]
        for field in _fields(study, document.get("forms", [])):
            entered = asked.setdefault(field.name, (field, []))[1]
            entered += [said[name].form.get(field.name, "").strip() if name in said else "" for name in names]
    for field, entered in asked.values():
        about = f"form: {field.name}"
        if field.kind == "choice":
            counts = Counter(
                text if text in field.options else OTHER if text else NO_ANSWER for text in entered
            )
            rows = [*field.options, *(name for name in (OTHER, NO_ANSWER) if counts[name])]
            yield from (Fact(about, name, counts[name], _share(counts[name], len(entered))) for name in rows)
        elif field.kind == "number":
            yield from _number(about, pd.Series(list(map(number_of, entered)), dtype=float))
        else:
            written = sum(map(bool, entered))
            yield Fact(about, "", written, _share(written, len(entered)))


def _fields(study: str, stated: Any) -> list[FormField]:
    try:
        return list(map(FormField.from_json, stated))
    except (GlimpseError, TypeError) as error:
        raise GlimpseError(f"study.json of study {study}, field 'forms': {error}") from None


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _counted(about: str, values: Iterable[str]) -> Iterator[Fact]:
    counts = Counter(values)
    total = sum(counts.values())
    for value, n in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        yield Fact(about, value, n, n / total)


def _number(about: str, values: pd.Series, *, quartiles: bool = False) -> list[Fact]:
    """Return a row of numbers; none where no number is known."""
    known = values.to_numpy(float)
    known = known[np.isfinite(known)]
    if not len(known):
        return []
    low, median, high = np.quantile(known, (0.25, 0.5, 0.75) if quartiles else (0, 0.5, 1)).tolist()
    return [Fact(about, "", len(known), None, median, low, high)]


def _rate(refresh_hz: float) -> str:
    """Return the usual rate that a measured one is nearest to."""
    if not (math.isfinite(refresh_hz) and refresh_hz > 0):
        return UNKNOWN
    return f"{min(USUAL_HZ, key=lambda usual: abs(usual - refresh_hz))} Hz"


def _minutes(table: pd.DataFrame) -> pd.Series:
    """Return how long each assignment took, from accepted to submitted; NaN where it is not known."""
    start, end = (
        pd.to_datetime(table[name], utc=True, errors="coerce", format="ISO8601")
        for name in ("accepted_at", "submitted_at")
    )
    minutes = (end - start).dt.total_seconds() / 60
    return minutes.where(minutes > 0)


def _rewards(results: Results, table: pd.DataFrame) -> pd.Series:
    """Return the reward of each assignment in US dollars; NaN where its study states none."""
    rewards = {}
    for study, document in results.studies.items():
        try:
            rewards[study] = float(Decimal(str(document["experiment"].get("reward_usd"))))
        except InvalidOperation:
            rewards[study] = math.nan
    return table["study"].astype(str).map(rewards).astype(float)
