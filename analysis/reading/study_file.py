"""study.json as `results/` carries it: read, and every field that the analysis uses checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.files import read_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODES = ("limited-time", "unlimited-time")
SCHEMA_VERSIONS = (1,)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_amount(value: Any) -> bool:
    """A finite number from 0, or a text of one, as money is written."""
    try:
        return not isinstance(value, bool) and math.isfinite(float(value)) and float(value) >= 0
    except (TypeError, ValueError):
        return False


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and _is_amount(value) and value > 0


def _are_times(value: Any) -> bool:
    return isinstance(value, list) and all(item is None or _is_time(item) for item in value)


def _are_contrasts(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(map(_is_text, pair)) for pair in value
    )


def _is_stimulus(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("sha256", ""), str)


TEXT = (_is_text, "a text")
COUNT = (_is_count, "a whole number from 0")
KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("preset", "real", "sentinel", "pairing", "scenes", "sides"), TEXT),
    **dict.fromkeys(
        ("hits_per_batch", "trials_per_cell", "sentinels_per_hit", "max_wrong_sentinels", "practice_trials",
         "workers_per_hit"), COUNT,
    ),
    "contrasts": (_are_contrasts, "a list of pairs of conditions"),
    "exposures_ms": (_are_times, "a list of numbers of ms above 0"),
    "sentinel_exposure_ms": (_is_time, "a number of ms above 0"),
    "reward_usd": (_is_amount, "an amount of US dollars"),
    "time_allotted_minutes": (_is_amount, "a number of minutes"),
}  # fmt: skip


def read_study(path: Path) -> dict[str, Any]:
    """Read study.json. GlimpseError names the field that is missing or of a wrong kind.

    Of the experiment only `mode` is needed; what is not stated, or null, is not known.
    """
    study = read_json(path)
    version = study.get("schema_version", SCHEMA_VERSIONS[-1])
    if version not in SCHEMA_VERSIONS:
        raise GlimpseError(
            f"{path}: schema_version is {version!r}; this program reads "
            f"{', '.join(map(str, SCHEMA_VERSIONS))}. Use the version that wrote the study, or a later one."
        )
    if not _is_text(study.get("study")):
        raise GlimpseError(f"{path}: field 'study' (the study's id) is missing or not text.")
    experiment = study.get("experiment")
    if not isinstance(experiment, dict):
        raise GlimpseError(f"{path}: field 'experiment' is missing or not an object.")
    if experiment.get("mode") not in MODES:
        found = experiment.get("mode")
        raise GlimpseError(f"{path}: experiment.mode is {found!r}; allowed are {' and '.join(MODES)}.")
    stimuli = study.get("stimuli") or {}
    if not isinstance(stimuli, dict) or not all(map(_is_stimulus, stimuli.values())):
        raise GlimpseError(f"{path}: field 'stimuli' is wrong: each stimulus has a file and a sha256.")
    for name, (fits, allowed) in KINDS.items():
        value = experiment.get(name)
        if value is not None and not fits(value):
            raise GlimpseError(f"{path}: experiment.{name} is {value!r}; {allowed} is needed.")
    return study
