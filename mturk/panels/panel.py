"""What a panel is: the parameters of its links, and how people get back to it, each outcome with its code."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

# How somebody leaves a study's page.
REASONS = ("completed", "declined", "screened", "cookies", "time", "returned", "full", "done")
# Without letters and digits that people take for one another.
_CODE_DIGITS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_LENGTH = 10


@dataclass(frozen=True)
class PanelOutcome:
    """One way in which a participation ends, and the code that says so at the panel.

    `name` is ours, `kind` the panel's word for it; `reasons` are those of `REASONS` that end so. `asks_back`
    is the sentence with which the panel asks for the place back; empty where somebody is to be paid.
    """

    name: str
    kind: str
    reasons: tuple[str, ...]
    asks_back: str = ""


@dataclass(frozen=True)
class Panel:
    """Where participants come from: `person` is the parameter that tells who, `others` are kept with it.

    `link` is what a link to hand out holds, in the panel's own marks; `shown` tells whether the dashboard
    lists it. `session` names the parameter that tells one participation from every other. `back` is the
    address to which an outcome's code goes, with {code}; empty where people type the code. `pays` tells that
    the panel says and pays the reward, maybe in another currency, so that our pages say none.
    """

    name: str
    title: str
    person: str
    others: tuple[str, ...]
    link: str
    shown: bool = True
    session: str = ""
    back: str = ""
    outcomes: tuple[PanelOutcome, ...] = ()
    pays: bool = True


def new_codes(panel: Panel) -> dict[str, str]:
    """Return a code at random for each outcome of a panel, by the outcome's name; no two are the same."""
    codes: set[str] = set()
    while len(codes) < len(panel.outcomes):
        codes.add("".join(secrets.choice(_CODE_DIGITS) for _ in range(_CODE_LENGTH)))
    return dict(zip((one.name for one in panel.outcomes), sorted(codes), strict=True))


def ways_out(panel: Panel, codes: Mapping[str, str], back: str = "") -> dict[str, dict[str, str]]:
    """Return, by reason, the address with which people go back to a panel, or the code that they type there.

    `back` stands in for the panel's own address, with {code} where the code goes; who has an address needs
    no code beside it.
    """
    address = back or panel.back
    return {
        reason: {
            "url": address.replace("{code}", quote(codes[one.name], safe="")),
            "code": "" if address else codes[one.name],
        }
        for one in panel.outcomes
        if one.name in codes
        for reason in one.reasons
    }
