"""A study's registration: what was decided before anybody answered, as registration.json keeps it.

`register` writes it into the study's folder; results, bundles and reports carry it on. Nothing in it is ever
overwritten: an amendment is added, with its date and its reason.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.files import read_json, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

REGISTRATION, REGISTRATION_TEXT = "registration.json", "registration.md"
SCHEMA_VERSION = 1
KINDS: dict[str, type] = {
    "registered_at": str, "reason": str, "glimpse": str, "published": bool, "options": dict,
    "hypotheses": list, "analysis": dict, "analyses": list, "planned": dict, "assumed": dict,
    "expected": list, "changes": list, "text": str,
}  # fmt: skip


@dataclass(frozen=True)
class RegisteredVersion:
    """What was registered at one time, as a whole: the first registration, or an amendment.

    Attributes:
        registered_at: When, in UTC, as ISO 8601, by the clock of the computer that registered.
        reason: Why it was amended; empty for the first one.
        glimpse: The version of Glimpse.
        published: Whether HITs of the study existed then, so that answers could.
        options: The options of `register` that were given, by name.
        hypotheses: One sentence each.
        analysis: The settings of the analysis, as summary.json has them; metrics and items by their files'
            names and SHA-256.
        analyses: The names of the planned analyses.
        planned: The numbers of the design that a report compares: contrasts, exposures, places, answers.
        assumed: What the expected precision rests on.
        expected: Rows of the expected widths and power.
        changes: What an amendment changed: field, was, now.
        text: registration.md as it was then, without its list of amendments.
    """

    registered_at: str
    glimpse: str
    options: dict[str, Any]
    hypotheses: list[str]
    analysis: dict[str, Any]
    analyses: list[str]
    planned: dict[str, Any]
    assumed: dict[str, Any]
    expected: list[dict[str, Any]]
    text: str
    reason: str = ""
    published: bool = False
    changes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def decided(self) -> dict[str, Any]:
        """What the registrant decided, by name; two versions that decide the same are one.

        Sentences that follow from the design are left out: other versions of Glimpse may word them otherwise.
        """
        beside = {
            "own hypotheses": self.options.get("hypotheses", []),
            "analyses beside the usual ones": self.options.get("also", []),
            "excluded assignments are replaced": self.planned.get("replace_excluded"),
        }
        chosen = {
            name: value for name, value in self.analysis.items() if name != "alpha"
        }  # follows from level
        assumed = {f"assumed {name}": value for name, value in self.assumed.items()}
        return {**chosen, **beside, **assumed}

    def differences(self, later: RegisteredVersion) -> list[dict[str, Any]]:
        """Return what a later version decides otherwise, of what both know: field, was, now."""
        was, now = self.decided, later.decided
        return [
            {"field": name, "was": was[name], "now": now[name]}
            for name in was
            if name in now and was[name] != now[name]
        ]


@dataclass(frozen=True)
class Registration:
    """All that was registered of a study: its versions, the first one first.

    Attributes:
        study: The study's id.
        plan_sha256: SHA-256 of its trials.csv.
        design_sha256: `design_digest` of its study.json.
        versions: At least one.
    """

    study: str
    plan_sha256: str
    design_sha256: str
    versions: tuple[RegisteredVersion, ...]

    @property
    def latest(self) -> RegisteredVersion:
        """The version that holds now."""
        return self.versions[-1]

    def continues(self, earlier: Registration) -> bool:
        """Tell whether this is `earlier`, with or without further amendments."""
        count = len(earlier.versions)
        same = (self.study, self.design_sha256) == (earlier.study, earlier.design_sha256)
        return same and self.versions[:count] == earlier.versions

    def is_of(self, document: Mapping[str, Any]) -> bool:
        """Tell whether a study.json, as it lies on the disk, is the design that was registered."""
        return (self.study, self.design_sha256) == (document.get("study"), design_digest(document))

    def to_json(self) -> dict[str, Any]:
        """Return it as registration.json holds it."""
        return {
            "schema_version": SCHEMA_VERSION,
            "study": self.study,
            "plan_sha256": self.plan_sha256,
            "design_sha256": self.design_sha256,
            "versions": [asdict(one) for one in self.versions],
        }

    def as_text(self) -> str:
        """Return registration.json's text."""
        return json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def design_digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of a study's design: of its study.json without the secret, keys sorted.

    So it is the same for the study's folder, its results and a bundle, which has no secret.

    >>> design_digest({"study": "a", "secret": "b"}) == design_digest({"study": "a"})
    True
    """
    public = {name: value for name, value in document.items() if name != "secret"}
    text = json.dumps(public, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def change_in_words(change: Mapping[str, Any]) -> str:
    """Return what an amendment changed, in words.

    >>> change_in_words({"field": "max_wrong_sentinels", "was": None, "now": 2})
    'max wrong sentinels: none, now 2'
    """
    was, now = (value_in_words(change[name]) for name in ("was", "now"))
    return f"{change['field'].replace('_', ' ')}: {was}, now {now}"


def value_in_words(value: Any) -> str:
    """Return a registered value as a reader names it.

    >>> value_in_words([{"file": "lpips.csv", "sha256": "00"}]), value_in_words(True), value_in_words([])
    ('lpips.csv (SHA-256 00)', 'yes', 'none')
    """
    if isinstance(value, list):
        return "; ".join(map(value_in_words, value)) or "none"
    if isinstance(value, dict):
        return f"{value.get('file')} (SHA-256 {value.get('sha256')})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def moment_of(text: str) -> datetime:
    """Return a time in ISO 8601 as a moment; one without a zone is UTC. ValueError for anything else."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def read_registration(folder: Path) -> Registration | None:
    """Read registration.json of a study's or of a results folder; None where there is none.

    GlimpseError names the file and the field that is missing or of a wrong kind.
    """
    path = folder / REGISTRATION
    if not path.exists() and not path.is_symlink():
        return None
    if not path.is_file():
        raise GlimpseError(f"{path} is no file. Move it away. {_COPY}")
    value = read_json(path)
    if value.get("schema_version") != SCHEMA_VERSION:
        raise GlimpseError(
            f"{path}: schema_version is {value.get('schema_version')!r}; this program reads "
            f"{SCHEMA_VERSION}. "
            "Use the version that wrote it, or a later one."
        )
    for name in ("study", "plan_sha256", "design_sha256"):
        if not isinstance(value.get(name), str):
            raise GlimpseError(f"{path}: field {name!r} is missing or not text. {_COPY}")
    versions = value.get("versions")
    if not isinstance(versions, list) or not versions:
        raise GlimpseError(f"{path}: field 'versions' is missing or empty. {_COPY}")
    read = tuple(_version(path, place, one) for place, one in enumerate(versions, start=1))
    return Registration(value["study"], value["plan_sha256"], value["design_sha256"], read)


_COPY = "Copy it again from the study's folder, or from where you registered it."


def _version(path: Path, place: int, value: Any) -> RegisteredVersion:
    """Read one version; what later programs add is left out."""
    where = f"{path}: version {place}"
    if not isinstance(value, dict):
        raise GlimpseError(f"{where} is no object. {_COPY}")
    for name, kind in KINDS.items():
        if type(value.get(name)) is not kind:
            raise GlimpseError(f"{where}: field {name!r} is missing or of a wrong kind. {_COPY}")
    if wrong := _wrong_inside(value):
        raise GlimpseError(f"{where}: {wrong}. {_COPY}")
    try:
        moment_of(value["registered_at"])
    except ValueError:
        raise GlimpseError(
            f"{where}: registered_at is {value['registered_at']!r}, no time in ISO 8601. {_COPY}"
        ) from None
    return RegisteredVersion(**{one.name: value[one.name] for one in fields(RegisteredVersion)})


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _files(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _each(value: Any, kind: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(kind, value))


# What reports read inside a version's fields; of settings, those that are stated.
_PLANNED: dict[str, Callable[[Any], bool]] = {
    "conditions": lambda value: _each(value, _text),
    "contrasts": lambda value: _each(value, _text),
    "exposures_ms": lambda value: _each(value, lambda one: one is None or _number(one)),
    "places": lambda value: _whole(value) and value > 0,
    "answers": _whole,
    "stop_when": lambda value: value is None or _text(value),
    "replace_excluded": lambda value: isinstance(value, bool),
}
_ANALYSIS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("repeat_workers", "exposure", "cluster", "adjust", "curve"), _text),
    **dict.fromkeys(("metrics", "items"), _files),
    **dict.fromkeys(("level", "threshold"), lambda value: _number(value) and 0 < value < 1),
    "max_wrong_sentinels": lambda value: value is None or _whole(value),
    "sentinel_filter": lambda value: isinstance(value, bool),
    "max_exposure_error_ms": lambda value: value is None or _number(value),
    "equivalence": lambda value: value is None or _number(value),
    "seed": _whole,
}


def _wrong_inside(version: Mapping[str, Any]) -> str:
    """Return which field inside a version is missing or of a wrong kind; empty where none is."""
    for name in ("hypotheses", "analyses"):
        if not _each(version[name], _text):
            return f"field {name!r} must list texts"
    for one in version["changes"]:
        if not isinstance(one, dict) or not _text(one.get("field")) or not {"was", "now"} <= one.keys():
            return "each of field 'changes' must have `field`, `was` and `now`"
    for part, kinds, needed in (("planned", _PLANNED, True), ("analysis", _ANALYSIS, False)):
        for name, is_right in kinds.items():
            stated = version[part]
            if name not in stated and not needed:
                continue
            if name not in stated or not is_right(stated[name]):
                return f"field '{part}.{name}' is {stated.get(name, 'missing')!r}, which cannot be"
    return ""


def carry_registration(study: Path, results: Path) -> str:
    """Copy a study's registration.json into a results folder, and return what is wrong with it, or "".

    Results without one get it, and amendments are added; one that says something else stays as it is, since
    nothing that was registered is overwritten. Nothing is raised: answers matter more.
    """
    behind, wrong = _compared(study, results)
    try:
        if behind:
            write_whole(results / REGISTRATION, (study / REGISTRATION).read_bytes())
    except GlimpseError as error:
        return str(error)
    return wrong


def not_carried(study: Path, results: Path) -> str:
    """Return what is wrong where results lack their study's registration, or part of it; else ""."""
    behind, wrong = _compared(study, results)
    if not behind:
        return wrong
    part = "an amendment of the registration" if (results / REGISTRATION).exists() else "the registration"
    return (
        f"{results} lacks {part} that {study} has, so the report does not compare with it. Copy "
        f"{study / REGISTRATION} to {results}, then run analyze and bundle again."
    )


def _compared(study: Path, results: Path) -> tuple[bool, str]:
    """Tell whether results lack something that their study registered, and what is wrong with either."""
    try:
        own = read_registration(study)
        if own is None:
            return False, ""
        if not own.is_of(read_json(study / "study.json")):
            return False, f"{study / REGISTRATION} {ANOTHER_DESIGN}"
        held = read_registration(results)
    except GlimpseError as error:
        return False, str(error)
    if held is None or held.continues(own):
        return held is None, ""
    if own.continues(held):
        return True, ""
    return False, (
        f"{results / REGISTRATION} is another registration than {study / REGISTRATION}; the report compares "
        "with the former. Move away the one that does not hold."
    )


ANOTHER_DESIGN = (
    "registers another design than the study.json beside it: its design_sha256 is not that of the study. "
    "Move it away, or put the registered study back."
)
