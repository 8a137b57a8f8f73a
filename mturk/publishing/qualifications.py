"""Who may take part: requirements in words, and the qualification that keeps people to one HIT of a batch.

A batch's own qualification marks whoever has taken part; the batch's HITs require that a worker lacks it.
Our server grants it in the moment of accepting, knowing it by the keyword `glimpse-once`. MTurk has no such
rule: there `collect` grants it to those who submitted, and the gap that this leaves is closed by the
analysis, which keeps a worker's first assignment of a batch.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError

from .ledger import OnceCall, call_once

if TYPE_CHECKING:
    from .client import Requester, TurkError
    from .ledger import Ledger

ONCE = "glimpse-once"
SYSTEM = {
    "approval-rate": "000000000000000000L0",
    "approved": "00000000000000000040",
    "locale": "00000000000000000071",
    "adult": "00000000000000000060",
}
COMPARATORS = {
    ">=": "GreaterThanOrEqualTo",
    "<=": "LessThanOrEqualTo",
    "!=": "NotEqualTo",
    ">": "GreaterThan",
    "<": "LessThan",
    "=": "EqualTo",
}
MAX_REQUIREMENTS = 10
_FORM = re.compile(r"\s*([A-Za-z0-9-]+)\s*(>=|<=|!=|>|<|=)\s*(.+?)\s*")
_PLACE = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?")


def requirement(text: str) -> dict[str, Any]:
    """Return the QualificationRequirement that a text such as `approval-rate>=95` or `locale=US,CA` names.

    Known names are those of `SYSTEM`; any other is the id of a qualification type of your own.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise GlimpseError(
            f"--qualification {text!r}: expected a name, a comparison and a value, for example "
            "approval-rate>=95, approved>=500, locale=US,CA or adult=1"
        )
    name, sign, value = match.groups()
    kind = SYSTEM.get(name, name)
    if kind == name and not re.fullmatch(r"[A-Z0-9]{1,64}", name):
        raise GlimpseError(
            f"--qualification {text!r}: no qualification {name!r}; known are {', '.join(SYSTEM)}, "
            "and the ids of your own types (capitals and digits)"
        )
    found = {"QualificationTypeId": kind, "ActionsGuarded": "DiscoverPreviewAndAccept"}
    values = [part.strip() for part in value.split(",")]
    return {**found, **(_places(text, sign, values) if name == "locale" else _numbers(text, sign, values))}


def _several(text: str, sign: str, values: list[str], most: int) -> str:
    if len(values) == 1:
        return COMPARATORS[sign]
    if sign not in ("=", "!=") or len(values) > most:
        raise GlimpseError(f"--qualification {text!r}: several values go with = or != only, at most {most}")
    return "In" if sign == "=" else "NotIn"


def _places(text: str, sign: str, values: list[str]) -> dict[str, Any]:
    places = [_PLACE.fullmatch(value) for value in values]
    if sign not in ("=", "!=") or None in places:
        raise GlimpseError(f"--qualification {text!r}: a locale is = or != countries such as US or US-CA")
    locales = [
        {"Country": place[1], **({"Subdivision": place[2]} if place[2] else {})} for place in places if place
    ]
    return {"Comparator": _several(text, sign, values, 30), "LocaleValues": locales}


def _numbers(text: str, sign: str, values: list[str]) -> dict[str, Any]:
    if not all(re.fullmatch(r"\d{1,9}", value) for value in values):
        raise GlimpseError(f"--qualification {text!r}: {', '.join(values)!r} is no whole number")
    return {
        "Comparator": _several(text, sign, values, 15),
        "IntegerValues": [int(value) for value in values],
    }


def once_requirement(qualification_type_id: str) -> dict[str, Any]:
    """Return the requirement that a worker has not taken part in the batch."""
    return {
        "QualificationTypeId": qualification_type_id,
        "Comparator": "DoesNotExist",
        "ActionsGuarded": "DiscoverPreviewAndAccept",
    }


def once_type(requester: Requester, ledger: Ledger, study: str, batch: str) -> str:
    """Return the id of the batch's own qualification type, creating it if there is none."""
    name = f"Glimpse study {study}, batch {batch}"
    key = f"once:{batch}"
    if key in ledger.pending and key not in ledger.outcomes and (found := _owned(requester, name)):
        ledger.record("outcome", key=key, batch=batch, qualification_type_id=found)

    def recover(_error: TurkError) -> dict[str, Any] | None:
        existing = _owned(requester, name)
        return {"QualificationType": {"QualificationTypeId": existing}} if existing else None

    arguments = {
        "Name": name,
        "Keywords": ONCE,
        "Description": "Held by those who have taken part: everybody can do one task of this group.",
        "QualificationTypeStatus": "Active",
    }
    line = call_once(
        ledger,
        requester,
        OnceCall(key, "CreateQualificationType", arguments, {"batch": batch}),
        lambda answer: {"qualification_type_id": answer["QualificationType"]["QualificationTypeId"]},
        recover,
    )
    return str(line["qualification_type_id"])


def _owned(requester: Requester, name: str) -> str | None:
    """Return the id of our qualification type of that name."""
    pages = requester.pages(
        "ListQualificationTypes",
        "QualificationTypes",
        Query=name,
        MustBeRequestable=False,
        MustBeOwnedByCaller=True,
    )
    for page in pages:
        for found in page:
            if found.get("Name") == name:
                return str(found["QualificationTypeId"])
    return None
