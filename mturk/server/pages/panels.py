"""Who comes by a link, and where they go afterwards: Prolific, CloudResearch Connect, SONA, or a lab's own.

A link tells who comes by the panel's own parameters. In the lab it may leave that open, and the page asks;
behind a public address only a panel's link counts, whole; anywhere else a link without a person makes a
guest, whom the browser remembers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from glimpse.errors import GlimpseError

from ...panels.known import PANELS
from ...panels.lab import LAB
from ..protocol import questions
from ..protocol.errors import RequestError
from ..site import is_web_address
from ..storage import studies
from . import web

if TYPE_CHECKING:
    from ...panels.panel import Panel
    from ..site import ServerSettings
    from ..storage.database import Row, Transaction

MAX_PARAMETER = 200
# What a panel was to fill in, and did not.
_MARK = re.compile(r"\{\{%\w*%\}\}|%\w+%")
_NO_PERSON = (
    "This link does not say who you are, so you cannot take part with it. Open the study where you found it "
    "(Prolific, CloudResearch Connect or SONA) and follow the link there."
)


@dataclass(frozen=True)
class StudySettings:
    """How a study ends for its participants.

    `completion_url` may hold {participant}, {session}, {study} and {assignment}; `completion_code` is shown
    to be copied. `screen_out_url` and `screen_out_code` are the same for whoever does not finish; the URL may
    hold {reason}, too. `decline_url` and `decline_code` stand in their place for whoever does not agree to
    take part. A smallest window adds to what the study's page needs by itself; one of 0 by 0 lets
    phones take part where the page does.
    """

    completion_url: str = ""
    completion_code: str = ""
    screen_out_url: str = ""
    screen_out_code: str = ""
    decline_url: str = ""
    decline_code: str = ""
    min_width_px: int | None = None
    min_height_px: int | None = None

    def __post_init__(self) -> None:
        for name in ("completion_url", "screen_out_url", "decline_url"):
            value = getattr(self, name)
            if value and not is_web_address(value):
                raise RequestError(
                    f"{name} is {value[:100]!r}; needed: an address that begins with https://."
                )
        for name in ("completion_code", "screen_out_code", "decline_code"):
            if len(getattr(self, name)) > MAX_PARAMETER:
                raise RequestError(f"{name} has more than {MAX_PARAMETER} characters.")
        for name in ("min_width_px", "min_height_px"):
            if not 0 <= (getattr(self, name) or 0) <= 10_000:
                raise RequestError(f"{name} is {getattr(self, name)}; allowed: 0 to 10000.")


@dataclass(frozen=True)
class Needs:
    """What a study needs of a browser: a window of so many CSS pixels, and whether a phone will do."""

    width_px: int
    height_px: int
    phones: bool


def needs(settings: StudySettings, hit: Row, *, lab: bool) -> Needs:
    """Return what a HIT's page needs in its frame, and what the requester asked for beyond that."""
    window = questions.kept_needs(hit["page_needs"]).window
    width, height = (window.width_px, window.height_px + web.bar_px(lab=lab)) if window else (0, 0)
    return Needs(
        max(width, settings.min_width_px or 0),
        max(height, settings.min_height_px or 0),
        settings.min_width_px == 0 and not (window and window.limited),
    )


def settings_of(tx: Transaction, study: str, default_url: str | None) -> StudySettings:
    """Return a study's settings as the dashboard saved them."""
    stored = studies.settings(tx, study)
    stored.setdefault("completion_url", default_url or "")
    try:
        return StudySettings(**stored)
    except TypeError as error:
        raise GlimpseError(f"The stored settings of study {study} cannot be read: {error}") from None


@dataclass(frozen=True)
class Arrival:
    """A participant as their link tells of them; `person` is empty where it does not say who."""

    panel: Panel
    person: str
    kept: dict[str, str]


def identify(parameters: dict[str, str]) -> Arrival:
    """Return who comes by a link with these parameters; one without any person is a lab's."""
    for panel in PANELS:
        person = parameters.get(panel.person, "").strip()
        if person:
            kept = {name: parameters.get(name, "")[:MAX_PARAMETER] for name in panel.others}
            return Arrival(panel, person, kept)
    return Arrival(PANELS[-1], "", {})


def admitted(parameters: dict[str, str], settings: ServerSettings) -> Arrival:
    """Return who comes; RequestError where nobody can take part with such a link.

    Behind a public address it must be a panel's, with all that the panel sends.
    """
    came = identify(parameters)
    sent = {came.panel.person: came.person, **came.kept}
    unfilled = next((value for value in sent.values() if _MARK.fullmatch(value)), None)
    if unfilled:
        raise RequestError(
            f"This link still contains {unfilled} where the panel should have put your id. Open the study at "
            "the panel and follow the link there.",
            "NotFromPanel",
        )
    if not settings.panels_only:
        return came
    if came.panel.name == LAB:
        raise RequestError(_NO_PERSON, "NotFromPanel")
    missing = [name for name, value in sent.items() if not value.strip()]
    if missing:
        raise RequestError(
            f"This link lacks {', '.join(missing)}, which {came.panel.title} sends. Open the study at "
            f"{came.panel.title}, and follow the link there.",
            "NotFromPanel",
        )
    return came


def wrong_test_link() -> RequestError:
    """Return what a requester reads whose test link is of another study or server."""
    return RequestError("This test link is of another study or server; copy it again.", "NotFromPanel")


def links(base: str, study: str, *, lab: bool = False, panels_only: bool = False) -> list[tuple[str, str]]:
    """Return the links to hand out, with what each is for; in the lab the lab's own come first."""
    join = f"{base}/join/{quote(study, safe='')}"
    own = [("Lab, asks who comes", join)] if lab else []
    found = [
        (panel.title, f"{join}?{panel.link}" if panel.link else join)
        for panel in PANELS
        if panel.shown and not (panel.name == LAB and panels_only)
    ]
    return own + found
