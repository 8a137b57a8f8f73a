"""The words of a page that participants meet: its study's, else in the browser's language, else English.

A study's pages say what they are written in, and which texts the study replaces; the server keeps both with
each HIT. What the server refuses is English, since programs read it, too; on a page it is said again in the
page's language.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.language import SOURCE, Language, codes, language

from ..protocol.errors import RequestError
from ..protocol.questions import kept_needs
from ..storage import assignments, hits
from .addresses import base

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from ..storage.database import Row, Transaction

ENGLISH = language(SOURCE)
_LONGEST_HEADER = 1000
_APOSTROPHES = str.maketrans("’‘“”", "''\"\"")


def of_browser(request: Request) -> Language:
    """Return the language that a browser prefers of those that there are; English where it names none.

    Its header is `de-AT, de;q=0.9, en;q=0.5`: https://www.rfc-editor.org/rfc/rfc9110#field.accept-language
    """
    return _preferred(request.headers.get("accept-language", "")[:_LONGEST_HEADER])


@lru_cache(maxsize=256)
def _preferred(header: str) -> Language:
    wanted: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, weight = part.partition(";")
        quality = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", weight)
        wanted.append((float(quality[1]) if quality else 1.0, tag.strip().lower().partition("-")[0]))
    known = [(weight, code) for weight, code in wanted if code in codes() and weight > 0]
    return language(max(known, key=lambda each: each[0])[1]) if known else ENGLISH


def of_hit(request: Request, hit: Row | None) -> Language:
    """Return the words of a HIT's study; the browser's for a page that is not one of ours."""
    kept = kept_needs(hit["page_needs"]) if hit else None
    if kept is None or kept.window is None:
        return of_browser(request)
    return _of_study(kept.language, json.dumps(kept.wording))


@lru_cache(maxsize=256)
def _of_study(code: str, wording: str) -> Language:
    """Return a study's words; without its own wording where another version of Glimpse has other texts."""
    for own in (json.loads(wording), None):
        try:
            return language(code, own)
        except GlimpseError:
            continue
    return ENGLISH


async def of_request(request: Request) -> Language:
    """Return the words for whoever is at an address: those of the study, HIT or assignment that it names.

    The dashboard's are English.
    """
    named = request.path_params
    if request.url.path.startswith(f"{base(request)}/dashboard/"):
        return ENGLISH
    if study := named.get("study"):
        return await _read(request, lambda tx: hits.first_of_study(tx, study))
    if hit_id := named.get("hit_id"):
        return await _read(request, lambda tx: hits.facts_or_none(tx, hit_id))
    token: str | None = named.get("token")
    submitted = request.app.state.sessions.may_submit(token) if token else named.get("assignment_id")
    return await of_assignment(request, submitted) if submitted else of_browser(request)


async def of_assignment(request: Request, assignment_id: str) -> Language:
    """Return the words of the study that an assignment belongs to."""

    def reading(tx: Transaction) -> Row | None:
        row = assignments.get(tx, assignment_id[:64])
        return hits.facts_or_none(tx, row["hit_id"]) if row else None

    return await _read(request, reading)


async def _read(request: Request, reading: Callable[[Transaction], Row | None]) -> Language:
    try:
        found = await request.app.state.site.read(reading)
    except RequestError:  # the address holds what the database cannot: PostgreSQL takes no NUL
        found = None
    return of_hit(request, found)


def again(words: Language, text: str) -> str | None:
    """Return a refusal, which the server words in English, in a page's words; None for one that no page has.

    >>> again(language("de"), "You have already taken part.")
    'Sie haben bereits teilgenommen.'
    """
    for key, pattern in _refusals():
        if found := pattern.fullmatch(text.translate(_APOSTROPHES)):
            return words.say(f"errors.{key}", **found.groupdict())
    return None


@cache
def _refusals() -> list[tuple[str, re.Pattern[str]]]:
    """Return the refusals in English as patterns whose groups are their placeholders, exact ones first."""
    texts = {key: str(text).translate(_APOSTROPHES) for key, text in ENGLISH.texts["errors"].items()}
    found = []
    for key, text in sorted(texts.items(), key=lambda each: "{" in each[1]):
        seen: set[str] = set()
        parts = re.split(r"\{(\w+)\}", text)
        for place in range(1, len(parts), 2):
            name = parts[place]
            parts[place] = f"(?P={name})" if name in seen else f"(?P<{name}>.+?)"
            seen.add(name)
        parts[::2] = map(re.escape, parts[::2])
        found.append((key, re.compile("".join(parts), re.DOTALL)))
    return found


# What templates say


def of_page(words: Language) -> dict[str, Any]:
    """Return what a page's template needs to say its words."""
    return {
        "lang": words.code,
        "dir": words.dir,
        "say": words.say,
        "html": words.html,
        "moment": lambda seconds: moment(words, seconds),
        "duration": lambda seconds: duration(words, seconds),
        "money": lambda amount: money(words, amount),
    }


def moment(words: Language, seconds: float | None) -> str:
    """Write a point in time (epoch seconds) for a person, in UTC."""
    if seconds is None:
        return ""
    at = datetime.fromtimestamp(seconds, UTC)
    month = words.say(f"months.{at.month}")
    return words.say("site.date", day=at.day, month=month, year=at.year, time=f"{at:%H:%M}")


def duration(words: Language, seconds: float) -> str:
    """Write a length of time for a person."""
    for unit, length, most in (("seconds", 1, 60), ("minutes", 60, 7200), ("hours", 3600, 172_800)):
        if seconds < most:
            return words.say(f"site.{unit}", count=round(seconds / length))
    return words.say("site.days", count=round(seconds / 86_400))


def money(words: Language, amount: object) -> str:
    """Write an amount in US dollars, as `0.50`, for a person."""
    return words.say("site.money", amount=str(amount).replace(".", words.say("site.decimal_mark")))
