"""Lines of assignments.jsonl as they may be shared: numbers for ids, and only fields that are known."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..reading.participants import BROWSERS
from .people import is_simulator, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from .people import Participants
    from .scanning import Scanner

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
LEFT_OUT = "(left out)"  # in place of what somebody wrote; that they wrote something is still counted
COARSE = {"day": 86_400, "hour": 3_600}  # seconds
# In the order in which the lines have them.
_KEPT = ("study", "hit", "status", "simulated", "panel", "verified")
_PAGE = (
    "viewport", "image_size", "device_pixel_ratio", "refresh_hz", "focus_losses", "missing",
)  # fmt: skip
_ANSWER = (
    "trial", "side", "choices", "response_ms", "shown_ms", "frames", "onset_ms", "presented_ms", "period_ms",
    "flags", "repeat", "plays", "skew_ms", "dropped", "stalls",
)  # fmt: skip


@dataclass
class Anonymizer:
    """Makes lines anonymous, and counts in `said` what was left out or made coarser.

    forms: the study's forms: field -> kind. comments: keep what participants wrote, where nothing in it is
    an id or an address. coarsen: `day` or `hour`, to which submissions are moved back; None: times stay.
    """

    people: Participants
    scanner: Scanner
    forms: Mapping[str, str]
    comments: bool = False
    coarsen: str | None = None
    said: Counter[str] = field(default_factory=Counter)

    def lines(self, results: Path) -> Iterator[str]:
        """Yield the lines of a folder as JSON; those that are no JSON objects are left out."""
        for number, record in lines_of(results):
            if record is None:
                self.said[f"line {number} of assignments.jsonl, which cannot be read"] += 1
                continue
            yield json.dumps(self.line(record), ensure_ascii=False, separators=(",", ":")) + "\n"

    def line(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return one line with numbers for ids, and without what tells who somebody is."""
        found: dict[str, Any] = {
            "assignment_id": self.people.assignments.get(str(record.get("assignment_id", "")), ""),
            "worker": self.people.workers.get(str(record.get("worker", "")), ""),
        }
        found |= {name: record[name] for name in _KEPT if name in record}
        found |= self._times(record)
        for name in ("comment", "problem"):
            if record.get(name):
                found[name] = self._words(name, record[name])
        if isinstance(record.get("form"), dict):
            found["form"] = self._form(record["form"])
        if "raw" in record:
            self.said["submission that cannot be read (raw)"] += 1
        if isinstance(record.get("page"), dict):
            found["page"] = self._page(record)
        answers = record.get("answers")
        if isinstance(answers, list):
            found["answers"] = [_only(one, _ANSWER) if isinstance(one, dict) else one for one in answers]
        return found

    def _times(self, record: dict[str, Any]) -> dict[str, Any]:
        """The times; coarser ones keep how long the assignment took."""
        names = [name for name in ("accepted_at", "submitted_at", "consented_at") if name in record]
        stated: dict[str, Any] = {name: record[name] for name in names}
        if self.coarsen is None:
            return stated
        times = {name: moment(value) for name, value in stated.items()}
        end = times.get("submitted_at") or times.get("accepted_at") or times.get("consented_at")
        if end is None:
            return dict.fromkeys(names)
        seconds = COARSE[self.coarsen]
        back = timedelta(seconds=end.timestamp() % seconds)
        self.said[f"time of a submission, moved back to the full {self.coarsen}"] += 1
        return {name: None if time is None else _iso(time - back) for name, time in times.items()}

    def _words(self, name: str, text: Any) -> str:
        """What somebody wrote, or that they wrote something."""
        if name == "comment" and not self.comments:
            self.said["comment of a participant"] += 1
            return LEFT_OUT
        if found := self.scanner.of_words(str(text)):
            self.said[f"{name} with {found[0].kind}"] += 1
            return LEFT_OUT
        # A problem may quote what was sent.
        return _QUOTED.sub("'...'", str(text)) if name == "problem" else str(text)

    def _form(self, form: dict[str, Any]) -> dict[str, str]:
        """The fields that the study asks; whatever else a browser sent may be anything."""
        others = len(form.keys() - self.forms.keys())
        if others:
            self.said["field of a form that the study does not ask"] += others
        return {name: self._entry(name, text) for name, text in form.items() if name in self.forms}

    def _entry(self, name: str, text: Any) -> str:
        """An entry of a form: options and numbers stay, what was written in words is a comment."""
        if str(text).strip() == "":
            return ""
        if self.forms.get(name) in {"choice", "number"}:
            return self._words("entry of a form", text)
        return self._words("comment", text)

    def _page(self, record: dict[str, Any]) -> dict[str, Any]:
        page = record["page"]
        agent = page.get("user_agent")
        found: dict[str, Any] = {}
        if isinstance(agent, str):
            coarse = self.people.singled_out(record) and not is_simulator(agent)
            found["user_agent"] = coarse_browser(agent) if coarse else agent
            if found["user_agent"] != agent:
                self.said[
                    "browser's name, where browser and screen are one person's, but for its version"
                ] += 1
        return found | _only(page, _PAGE)


def coarse_browser(user_agent: str) -> str:
    """Return a browser's family and major version, as far as its name tells them.

    >>> coarse_browser("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
    'Firefox/145'
    """
    for mark in BROWSERS:
        name = mark.rstrip("/")
        if mark in user_agent:
            stated = "Version" if name == "Safari" else f"{name}[A-Za-z]*"
            version = re.search(rf"{stated}/(\d+)", user_agent)
            return f"{name}/{version.group(1) if version else 0}"
    return "another" if user_agent else ""


def moment(value: Any) -> datetime | None:
    """Return a time stamp in ISO 8601 as a time in UTC; None for what is none."""
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return time.astimezone(UTC) if time.utcoffset() is not None else time.replace(tzinfo=UTC)


def _iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _only(record: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: record[name] for name in names if name in record}
