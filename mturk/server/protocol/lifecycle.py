"""The rules of HITs, qualifications and payments, without a database and without a clock.

Source: Amazon's documentation of the MTurk API 2017-01-17, as far as it speaks; where it is silent the
function says what was decided.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DAY_S = 86_400
DISPOSED_AFTER_S = 120 * DAY_S
OVERRIDE_WITHIN_S = 30 * DAY_S
EXTENDABLE_WITHIN_S = 365 * DAY_S
TOKEN_LIFE_S = DAY_S

ACTIONS = ("Discover", "Preview", "Accept")
_GUARDS = {
    "Accept": ("Accept",),
    "PreviewAndAccept": ("Preview", "Accept"),
    "DiscoverPreviewAndAccept": ACTIONS,
}

APPROVAL_RATE = "000000000000000000L0"
APPROVED_COUNT = "00000000000000000040"
LOCALE = "00000000000000000071"
ADULT = "00000000000000000060"
MASTERS = ("2ARFPLSP75KLA8M8DH1HTEQVJT3SY6", "2F1QJWKUDD8XADTFD2Q0G6UTO95ALH")
SYSTEM = {
    APPROVAL_RATE: "Approval rate (%)",
    APPROVED_COUNT: "Number of approved HITs",
    LOCALE: "Location",
    ADULT: "Adult content",
    MASTERS[0]: "Masters (sandbox)",
    MASTERS[1]: "Masters",
}


@dataclass(frozen=True)
class Counts:
    """What became of a HIT's slots. Returned and abandoned assignments count nowhere: their slot is free."""

    slots: int
    pending: int
    submitted: int
    approved: int
    rejected: int

    @property
    def completed(self) -> int:
        """Approved and rejected; a submitted assignment that waits for review is not among them."""
        return self.approved + self.rejected

    @property
    def available(self) -> int:
        """Slots that nobody holds. After expiry they are still counted, though nobody can take them."""
        return max(0, self.slots - self.pending - self.submitted - self.completed)


def hit_status(counts: Counts, *, expired: bool, reviewing: bool, disposed: bool) -> str:
    """Return Assignable, Unassignable, Reviewable, Reviewing or Disposed, from what is known of a HIT."""
    if disposed:
        return "Disposed"
    if counts.available and not expired:
        return "Assignable"
    if counts.pending:
        return "Unassignable"
    return "Reviewing" if reviewing else "Reviewable"


def guards(requirement: dict[str, Any], action: str) -> bool:
    """Tell whether a requirement stands before `action` (Discover, Preview, Accept)."""
    level = requirement.get("ActionsGuarded")
    if level is None:
        level = "PreviewAndAccept" if requirement.get("RequiredToPreview") else "Accept"
    return action in _GUARDS[level]


def meets(requirement: dict[str, Any], value: int | dict[str, str] | None, *, granted: bool) -> bool:
    """Tell whether a worker meets a requirement.

    `value` is the qualification's integer or locale; None when it has none. A worker who lacks the
    qualification meets only DoesNotExist, NotEqualTo and NotIn included: an unknown score satisfies nothing.
    """
    comparator = requirement["Comparator"]
    if comparator in {"Exists", "DoesNotExist"}:
        return granted is (comparator == "Exists")
    if not granted or value is None:
        return False
    if isinstance(value, dict):
        inside = any(_same_place(value, place) for place in requirement.get("LocaleValues", []))
        return inside is (comparator in {"EqualTo", "In"})
    return _COMPARED[comparator](value, requirement.get("IntegerValues", [0]))


_COMPARED: dict[str, Callable[[int, list[int]], bool]] = {
    "LessThan": lambda value, wanted: value < wanted[0],
    "LessThanOrEqualTo": lambda value, wanted: value <= wanted[0],
    "GreaterThan": lambda value, wanted: value > wanted[0],
    "GreaterThanOrEqualTo": lambda value, wanted: value >= wanted[0],
    "EqualTo": lambda value, wanted: value == wanted[0],
    "NotEqualTo": lambda value, wanted: value != wanted[0],
    "In": lambda value, wanted: value in wanted,
    "NotIn": lambda value, wanted: value not in wanted,
}


PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


def locale(place: str) -> dict[str, str]:
    """Return a place, `US` or `US-CA`, as MTurk writes a locale."""
    country, _, subdivision = place.partition("-")
    return {"Country": country, **({"Subdivision": subdivision} if subdivision else {})}


def _same_place(worker: dict[str, str], wanted: dict[str, str]) -> bool:
    """Tell whether a worker's locale lies in a wanted country, or in its subdivision where one is named."""
    if worker["Country"] != wanted["Country"]:
        return False
    return wanted.get("Subdivision") in {None, worker.get("Subdivision")}


def requirement_problem(requirement: dict[str, Any]) -> str | None:
    """Return what is wrong with a QualificationRequirement, or None; enumerations are checked elsewhere."""
    comparator = requirement["Comparator"]
    integers = requirement.get("IntegerValues", [])
    places = requirement.get("LocaleValues", [])
    if "ActionsGuarded" in requirement and "RequiredToPreview" in requirement:
        return "ActionsGuarded and RequiredToPreview cannot be used together."
    if comparator in {"Exists", "DoesNotExist"}:
        return f"Comparator {comparator} takes no values." if integers or places else None
    if requirement["QualificationTypeId"] == LOCALE:
        if comparator not in {"EqualTo", "NotEqualTo", "In", "NotIn"} or integers or not places:
            return "The locale takes LocaleValues with EqualTo, NotEqualTo, In or NotIn."
    elif places or not integers:
        return f"Comparator {comparator} needs IntegerValues, and LocaleValues only with the locale."
    return _too_many(comparator, len(integers), len(places))


def _too_many(comparator: str, integers: int, places: int) -> str | None:
    if comparator in {"In", "NotIn"}:
        return None if integers <= 15 and places <= 30 else "At most 15 IntegerValues or 30 LocaleValues."
    return None if integers + places == 1 else f"Comparator {comparator} takes exactly one value."


def group_id(hit_type_id: str) -> str:
    """Return the id under which workers see the HITs of a type together."""
    return "3" + hashlib.sha256(hit_type_id.encode()).hexdigest().upper()[:29]


def annotation_parts(annotation: str) -> tuple[str, str, str] | tuple[None, None, None]:
    """Split `glimpse:<study>:<batch>:<hit>` into its names; three None for any other RequesterAnnotation."""
    parts = annotation.split(":")
    if len(parts) == 4 and parts[0] == "glimpse" and all(parts):
        return parts[1], parts[2], parts[3]
    return None, None, None
