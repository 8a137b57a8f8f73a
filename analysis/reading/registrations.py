"""Registrations beside answers: registration.json of results folders, and whether answers came after it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from glimpse.errors import GlimpseError
from glimpse.files import file_digest, read_json
from glimpse.registration import (
    ANOTHER_DESIGN,
    REGISTRATION,
    Registration,
    moment_of,
    read_registration,
)

from .design import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .results import Results

COARSE = (timedelta(days=1), timedelta(hours=1))  # to which a bundle's times may be moved back
SIMULATED = "the answers are simulated, and so are their times"
NO_TIMES = "no answer has a time"
COARSE_TIMES = "times were made coarser"


class FoundRegistration(NamedTuple):
    """A study's registration as its results carry it.

    sha256: of registration.json. of_this_design: whether study.json beside it is what was registered.
    first_answer_at: when the first answer's assignment began, as results have it, simulated ones aside unless
    there are no others; empty: not known.
    lasts: how long after that the first answer may have come, where times are coarse. unknown: why nobody can
    tell whether answers came first, SIMULATED or NO_TIMES; else empty.
    """

    registration: Registration
    sha256: str
    of_this_design: bool
    first_answer_at: str
    lasts: timedelta
    unknown: str

    def was_before(self, registered_at: str) -> bool | None:
        """Tell whether a version was registered before the first answer; None where nobody can tell."""
        if self.unknown:
            return None
        registered, first = moment_of(registered_at), moment_of(self.first_answer_at)
        if registered < first:
            return True
        return False if registered >= first + self.lasts else None

    def why_unknown(self, registered_at: str) -> str:
        """Say why nobody can tell; empty where one can."""
        if self.was_before(registered_at) is not None:
            return ""
        return self.unknown or COARSE_TIMES


def read_registrations(results: Results) -> tuple[tuple[FoundRegistration, ...], tuple[Problem, ...]]:
    """Return what was registered of each study, and what is wrong with these files; nothing where none is.

    Of several folders of one study, the registration with most amendments counts.
    """
    found: dict[str, FoundRegistration] = {}
    problems: list[Problem] = []
    for folder in results.folders:
        try:
            own = read_registration(folder)
            if own is None:
                continue
            document = read_json(folder / "study.json")
        except GlimpseError as error:
            problems.append(Problem(str(folder / REGISTRATION), None, str(error)))
            continue
        study, path = str(document["study"]), folder / REGISTRATION
        one = _found(own, path, results, study, of_this_design=own.is_of(document))
        if not one.of_this_design:
            problems.append(Problem(str(path), None, ANOTHER_DESIGN))
        held = found.get(study)
        if held is None or own.continues(held.registration):
            found[study] = one
        elif not held.registration.continues(own):
            problems.append(Problem(str(path), None, "another folder has another registration, which counts"))
    return tuple(found.values()), tuple(problems)


def _found(
    own: Registration, path: Path, results: Results, study: str, *, of_this_design: bool
) -> FoundRegistration:
    table = results.assignments[results.assignments["study"] == study]
    simulated = table["simulated"].to_numpy(bool)
    invented = len(table) > 0 and bool(simulated.all())
    table = table if invented else table[~simulated]
    begun, ended = (
        [text for text in map(str, table[name]) if text] for name in ("accepted_at", "submitted_at")
    )
    first = min([*begun, *ended], key=moment_of, default="")
    unknown = SIMULATED if invented else "" if first else NO_TIMES
    return FoundRegistration(own, file_digest(path), of_this_design, first, coarseness(ended), unknown)


def coarseness(submitted: Sequence[str]) -> timedelta:
    """Return by how much times may have been moved back: to the full day or hour where all of them are.

    >>> coarseness(["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"])
    datetime.timedelta(days=1)
    >>> coarseness(["2026-03-01T10:00:00Z", "2026-03-02T11:30:00Z"])
    datetime.timedelta(0)
    """
    seconds = [moment_of(text).timestamp() for text in submitted]
    for step in COARSE:
        if seconds and not any(second % step.total_seconds() for second in seconds):
            return step
    return timedelta(0)
