"""Panels without an API: by links, with a code for each outcome, and so many places of the study each.

`study/published/panels.jsonl` has, by panel, the codes, which never change, and the places, which may.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

from ..panels.known import PANELS
from ..panels.panel import new_codes, ways_out
from ..panels.prolific import PANEL as PROLIFIC
from ..publishing.client import Endpoint
from ..publishing.ledger import Ledger, exclusive, ledger_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glimpse.study import Study

    from ..panels.panel import Panel
    from .own_side import OwnSide, PanelArrival

NAME = "panels"
GIVEN_UP = ("Returned", "Abandoned")


@dataclass(frozen=True)
class PanelByLinks:
    """A panel that feeds a study: how many of its places, None for any; and the codes of outcomes."""

    panel: Panel
    places: int | None
    codes: dict[str, str]


def read_panel(text: str) -> tuple[Panel, int | None]:
    """Read `connect=30`, or `connect`; GlimpseError for a panel that there is not, or no places."""
    name, found, count = text.partition("=")
    known = {panel.name: panel for panel in PANELS if panel.shown and panel is not PROLIFIC}
    if name not in known:
        more = "; for Prolific: publish --to prolific --places N" if name == PROLIFIC.name else ""
        raise GlimpseError(f"--panel {text}: there are {', '.join(known)}{more}")
    if found and not (count.isascii() and count.isdigit() and 1 <= int(count) <= 1_000_000):
        raise GlimpseError(f"--panel {text}: needed is a number of places, such as {name}=30")
    return known[name], int(count) if found else None


def is_fed_by_links(study: Study) -> bool:
    """Tell whether `publish --panel` gave a study to panels."""
    return study.folder is not None and ledger_path(study.folder, NAME).exists()


def feed(study: Study, own: OwnSide, wanted: Iterable[tuple[Panel, int | None]]) -> list[PanelByLinks]:
    """Give places to panels, and tell our server how their people go back; returns all of the study's."""
    path = ledger_path(study.folder or Path(), NAME)
    busy = f"{path.parent}: another command is recruiting for this study; wait until it has ended"
    with exclusive(path.with_suffix(".lock"), busy):
        ledger, endpoint = Ledger(path), Endpoint(NAME, own.target.url, Path())
        ledger.check(study, Endpoint(NAME, ledger.opened.get("url", endpoint.url), Path()))
        ledger.open(study, endpoint)
        for panel, places in wanted:
            if f"codes:{panel.name}" not in ledger.outcomes:
                ledger.record("outcome", key=f"codes:{panel.name}", codes=new_codes(panel))
            ledger.record("outcome", key=f"panel:{panel.name}", places=places)
            codes = ledger.outcomes[f"codes:{panel.name}"]["codes"]
            own.set_panel(panel.name, {"ways": ways_out(panel, codes), "places": places})
        return _of(ledger)


def fed(study: Study) -> list[PanelByLinks]:
    """Return the panels that feed a study by links."""
    return _of(Ledger(ledger_path(study.folder or Path(), NAME), lenient=True))


def _of(ledger: Ledger) -> list[PanelByLinks]:
    return [
        PanelByLinks(panel, line["places"], ledger.outcomes[f"codes:{panel.name}"]["codes"])
        for panel in PANELS
        if panel.shown and (line := ledger.outcomes.get(f"panel:{panel.name}"))
    ]


def taken(arrivals: Iterable[PanelArrival]) -> Counter[str]:
    """Return how many places people of each panel hold."""
    return Counter(one.panel for one in arrivals if one.status not in GIVEN_UP)
