"""A study as Prolific is told of it: its draft, what may not be changed there by hand, its price. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from glimpse.errors import GlimpseError

from ..panels.panel import new_codes
from ..panels.prolific import PANEL, is_rehearsal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from glimpse.study import Study

BLOCKLIST = "participant_group_blocklist"
_OUTSIDE = (".local", ".localhost", ".internal", ".lan", ".home", ".test", ".invalid", ".example")
# What changes the study for participants, or breaks the way back from it.
_KEPT = {
    "external_study_url": "the study's link",
    "completion_codes": "its completion codes",
    "reward": "the reward",
    "device_compatibility": "the devices",
    "is_external_study_url_secure": "whether links are signed",
}


@dataclass(frozen=True)
class Recruitment:
    """What Prolific is asked for: places, the reward in the account's currency, times in minutes, the link.

    `token` is ours alone, by which a draft is found again whose making was not acknowledged.
    """

    places: int
    reward: Decimal
    minutes: int
    allowed_minutes: int
    link: str
    token: str
    signed_links: bool = False
    project: str | None = None
    blocked: tuple[str, ...] = ()


def cents(amount: Decimal) -> int:
    """Return an amount in hundredths, as Prolific counts rewards; GlimpseError for a fraction of one.

    >>> cents(Decimal("1.50"))
    150
    """
    found = amount * 100
    if found != found.to_integral_value() or found <= 0:
        raise GlimpseError(f"{amount} is no amount for a reward; needed: more than 0, in whole cents")
    return int(found)


def least_allowed_minutes(minutes: int) -> int:
    """Return the least time that Prolific lets people have for a study that takes so many minutes.

    "two minutes plus two times the estimated time plus two times the square root of the estimated time"

    >>> least_allowed_minutes(9)
    26
    """
    return math.ceil(2 + 2 * minutes + 2 * math.sqrt(minutes))


def study_link(people_url: str, study: str) -> str:
    """Return the link that a draft holds, in Prolific's own marks."""
    return f"{people_url}/join/{quote(study, safe='')}?{PANEL.link}"


def internal_name(study: str, token: str) -> str:
    """Return the name under which the researcher sees a study at Prolific; it holds our token."""
    return f"Glimpse {study} [{token}]"


def codes() -> dict[str, str]:
    """Return a study's completion codes, at random, by outcome."""
    return new_codes(PANEL)


def completion_codes(known: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the codes as a draft holds them: who finished is reviewed, all others are asked to return."""
    return [
        {
            "code": known[one.name],
            "code_type": one.kind,
            "actor": "participant",
            "actions": [
                {"action": "REQUEST_RETURN", "return_reason": one.asks_back}
                if one.asks_back
                else {"action": "MANUALLY_REVIEW"}
            ],
        }
        for one in PANEL.outcomes
    ]


def draft(study: Study, wanted: Recruitment, known: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of the request that makes a draft."""
    body: dict[str, Any] = {
        "name": study.title,
        "internal_name": internal_name(study.study, wanted.token),
        "description": study.description,
        "external_study_url": wanted.link,
        "prolific_id_option": "url_parameters",
        "completion_codes": completion_codes(known),
        "total_available_places": wanted.places,
        "estimated_completion_time": wanted.minutes,
        "maximum_allowed_time": wanted.allowed_minutes,
        "reward": cents(wanted.reward),
        "device_compatibility": ["desktop"],
        "peripheral_requirements": [],
        "filters": [{"filter_id": BLOCKLIST, "selected_values": list(wanted.blocked)}]
        if wanted.blocked
        else [],
        "metadata": json.dumps({"glimpse": wanted.token, "study": study.study}),
        "is_external_study_url_secure": wanted.signed_links,
    }
    return body | ({"project": wanted.project} if wanted.project else {})


def differences(body: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return what was changed at Prolific by hand since a draft was made, of what may not be.

    What an answer leaves out is not looked at.
    """
    texts = []
    for name, called in _KEPT.items():
        if name not in found or name not in body:
            continue
        here, there = _comparable(name, body[name]), _comparable(name, found[name])
        if here != there:
            texts.append(f"{called} ({_shown(there)} there, {_shown(here)} here)")
    return texts


def _comparable(name: str, value: Any) -> Any:
    if name == "completion_codes":
        rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
        return sorted(str(row.get("code")) for row in rows)
    return sorted(map(str, value)) if isinstance(value, list) else value


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def check_open_to_all(link: str, base: str) -> None:
    """Refuse a link that nobody outside can open; in a rehearsal participants are on this machine."""
    parts = urlsplit(link)
    host = (parts.hostname or "").lower()
    if is_rehearsal(base):
        return
    if parts.scheme != "https" or _is_inside(host):
        raise GlimpseError(
            f"participants of Prolific cannot open {parts.scheme}://{parts.netloc}: it needs an https "
            "address that is known outside. Put the server behind a proxy with TLS, and start it with "
            "`serve --public-url https://...`"
        )


def _is_inside(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_OUTSIDE)


def check_places(places: int, own: int) -> None:
    """Refuse more places than our server has: whoever came last would find the study full."""
    if places < 1:
        raise GlimpseError(f"--places {places}: needed is 1 or more")
    if places > own:
        raise GlimpseError(
            f"--places {places}: the study has {own} places here, HITs times workers a HIT. Open more first: "
            "publish STUDY --workers-per-hit N"
        )
