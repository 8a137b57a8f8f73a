"""`register`: what a study plans, frozen with a time stamp in registration.json and registration.md."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.files import file_digest, plain, read_json, write_whole
from glimpse.registration import (
    ANOTHER_DESIGN,
    REGISTRATION,
    REGISTRATION_TEXT,
    RegisteredVersion,
    Registration,
    change_in_words,
    design_digest,
    read_registration,
)
from glimpse.study import read_study
from glimpse.tables import read_table

from ..reading.item_groups import table_of_groups
from ..reading.scores import COLUMNS, read_scores
from ..report.analyses import planned_analyses
from ..report.single_report import refuse_what_pairs_have
from .expected import D_PRIMES, RATES, expectation
from .hypotheses import hypotheses_of
from .planned import planned_numbers
from .wording import registration_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from glimpse.study import Study

    from ..report.settings import AnalysisSettings


@dataclass(frozen=True)
class Requested:
    """What is to be registered.

    settings: of the analysis. options: those of the command that were given, now or earlier, by name, as JSON
    can hold them. hypotheses, also, replaced, rates, d_primes: as the command has them; no rates or d's: the
    usual ones. command: which makes the report.
    """

    settings: AnalysisSettings
    options: dict[str, Any]
    hypotheses: Sequence[str] = ()
    also: Sequence[str] = ()
    replaced: bool = False
    rates: Sequence[float] = ()
    d_primes: Sequence[float] = ()
    command: str = "glimpse analyze results/"


def earlier_options(folder: Path) -> dict[str, Any]:
    """Return the options with which a study was registered last; none where it was not.

    GlimpseError where registration.json is damaged.
    """
    held = read_registration(folder)
    return {} if held is None else held.latest.options


def register(folder: Path, requested: Requested, reason: str | None, at: str) -> tuple[Registration, bool]:
    """Register a study, or add an amendment for a reason; return the registration, and whether it is new.

    at: the time, in UTC, as ISO 8601. What is registered already and unchanged is left as it is.
    GlimpseError where something else was registered and no reason is given, where a reason is given and
    nothing changes, and where the folder is no study.
    """
    if (folder / "assignments.jsonl").is_file():
        raise GlimpseError(
            f"{folder} is a folder of answers. Name the study that build-hits wrote; answers that were "
            "imported have none, and cannot be registered in advance."
        )
    study = read_study(folder)
    document = read_json(folder / "study.json")
    held = read_registration(folder)
    if held is not None and not held.is_of(document):
        raise GlimpseError(f"{folder / REGISTRATION} {ANOTHER_DESIGN}")
    if held is None and reason is not None:
        raise GlimpseError(
            f"{folder} is not registered yet, so that there is nothing to amend. Leave --amend out."
        )
    design = design_digest(document)
    version = _version(study, requested, design, at)
    if held is None:
        found = Registration(study.study, study.plan_sha256, design, (version,))
    else:
        changes = held.latest.differences(version)
        _check_changes(folder, held, changes, reason)
        if not changes:
            _mend_text(folder / REGISTRATION_TEXT, held)
            return held, False
        version = replace(version, reason=reason or "", changes=changes)
        found = replace(held, versions=(*held.versions, version))
    _check_text(folder / REGISTRATION_TEXT, held)
    write_whole(folder / REGISTRATION, found.as_text())
    write_whole(folder / REGISTRATION_TEXT, document_text(found))
    return found, True


def _texts(held: Registration | None) -> list[str]:
    """What registration.md held after each version."""
    versions = held.versions if held else ()
    return [
        document_text(replace(held, versions=versions[:count]))
        for count in range(1, len(versions) + 1)
        if held is not None
    ]


def _check_text(path: Path, held: Registration | None) -> None:
    """Refuse to write over a text that somebody else wrote, or changed."""
    if path.exists() and _text_in(path) not in _texts(held):
        raise GlimpseError(
            f"{path} is not as register wrote it, and would be overwritten. Move it away, then register "
            "again."
        )


def _mend_text(path: Path, held: Registration) -> None:
    """Write the text where it is missing, or an earlier one: a run that broke off came no further."""
    *earlier, latest = _texts(held)
    if not path.exists() or _text_in(path) in earlier:
        write_whole(path, latest)


def _text_in(path: Path) -> str | None:
    """Return a file's text; None for a folder, and where it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except (IsADirectoryError, UnicodeDecodeError):
        return None


def _check_changes(
    folder: Path, held: Registration, changes: Sequence[Mapping[str, Any]], reason: str | None
) -> None:
    if changes and reason is None:
        listed = "\n".join(f"  {change_in_words(one)}" for one in changes)
        raise GlimpseError(
            f"{folder} was registered at {held.latest.registered_at}, and says otherwise:\n{listed}\nWhat "
            "was "
            'registered is never overwritten. Add a dated amendment with --amend "REASON", or leave the '
            "options out."
        )
    if not changes and reason is not None:
        raise GlimpseError(
            f"nothing differs from what was registered at {held.latest.registered_at}; leave --amend out, or "
            "name an option that changes."
        )


def _version(study: Study, requested: Requested, design: str, at: str) -> RegisteredVersion:
    one, settings = study.experiment, requested.settings
    if one.task == "single":
        refuse_what_pairs_have(settings)
    read_scores(settings.metrics, settings.directions)
    analysis = settings.to_json(one.max_wrong_sentinels) | {
        name: requested.options.get(name, []) for name in ("metrics", "items")
    }
    del analysis["compare"]
    names = planned_analyses(one, analysis, requested.also)
    expected = expectation(
        study, rates=requested.rates or RATES, d_primes=requested.d_primes or D_PRIMES,
        level=settings.intervals.level, seed=settings.seed,
    )  # fmt: skip
    published = study.folder is not None and any((study.folder / "published").glob("*.jsonl"))
    version = RegisteredVersion(
        registered_at=at,
        glimpse=str(requested.options.get("glimpse", _glimpse())),
        options=requested.options,
        hypotheses=hypotheses_of(one, analysis, names, requested.hypotheses),
        analysis=analysis,
        analyses=names,
        planned=planned_numbers(study, replaced=requested.replaced),
        assumed=expected.assumed,
        expected=expected.rows,
        text="",
        published=published,
    )
    said = plain(asdict(version))
    text = registration_text(study, said, expected, requested.command, design)
    return RegisteredVersion(**{**said, "text": text})


def _glimpse() -> str:
    from glimpse.version import __version__

    return __version__


def as_registered(path: Path, name: str) -> dict[str, str]:
    """Return a file as a registration names it: without its folder, and with its SHA-256.

    name: of the option, "metrics" or "items". GlimpseError where it is no such table.
    """
    if name == "items":
        table_of_groups(path)
    else:
        read_table(path, COLUMNS)
    return {"file": path.name, "sha256": file_digest(path)}


def document_text(registration: Registration) -> str:
    """Return registration.md: the text of the latest version, and when and why it was amended."""
    latest, amendments = registration.latest, registration.versions[1:]
    when = f"Registered {_time(registration.versions[0].registered_at)}"
    if amendments:
        when += f", amended {_time(latest.registered_at)} (see the end)"
    when += (
        ", by the clock of the computer that did it. Only a public registry, such as OSF or AsPredicted, "
        "proves "
        "the time: register this text there."
    )
    title, _, body = latest.text.partition("\n")
    lines = [title, "", when, body.rstrip()]
    if amendments:
        lines += ["", "## Amendments"]
    for place, one in enumerate(amendments, start=1):
        changed = "Changed: " + "; ".join(map(change_in_words, one.changes))
        late = " HITs existed by then." if one.published else ""
        lines.append(f"{place}. {_time(one.registered_at)}: {one.reason.rstrip('.')}. {changed}.{late}")
    return "\n".join(lines) + "\n"


def _time(text: str) -> str:
    return f"{text[:10]} {text[11:16]} UTC"
