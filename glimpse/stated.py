"""An experiment as study.json states it: results of other programs and versions may leave most of it out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.experiment import MODES, TASKS, preset
from glimpse.questions import questions_of
from glimpse.stop_rule import StopRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TABLE = "table"  # where study.json says imported_from: a table of votes, which has no HITs
SIDES_UNKNOWN = "unknown"  # experiment.sides where nobody knows which condition stood left


def check_stated(experiment: Any, where: str) -> None:
    """Check an experiment as results carry it: of all fields only `mode` is needed; null is not known.

    GlimpseError names the file `where`, the field, and what is allowed.
    """
    if not isinstance(experiment, dict):
        raise GlimpseError(f"{where}: field 'experiment' is missing or not an object.")
    if experiment.get("mode") not in MODES:
        found = experiment.get("mode")
        raise GlimpseError(f"{where}: experiment.mode is {found!r}; allowed are {' and '.join(MODES)}.")
    for name, (fits, allowed) in STATED.items():
        value = experiment.get(name)
        if value is not None and not fits(value):
            raise GlimpseError(f"{where}: experiment.{name} is {value!r}; {allowed} is needed.")
    try:
        questions_of(experiment)
        stop_rule(experiment)
    except GlimpseError as error:
        raise GlimpseError(f"{where}: experiment.{error}") from None


def stop_rule(experiment: Mapping[str, Any]) -> StopRule | None:
    """Return when an experiment may stop early; None where it states no rule. GlimpseError as of StopRule."""
    stated = experiment.get("stop_when")
    return None if stated is None else StopRule.from_json(stated)


def allowed_wrong(experiment: Mapping[str, Any]) -> int:
    """Return how many wrong sentinels an experiment allows; its mode's default where it states none."""
    stated = experiment.get("max_wrong_sentinels")
    return preset(str(experiment["mode"])).max_wrong_sentinels if stated is None else int(stated)


def sides_known(experiment: Mapping[str, Any]) -> bool:
    """Tell whether the trials of an experiment say which condition stood left; else condition A does."""
    return experiment.get("sides") != SIDES_UNKNOWN


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_amount(value: Any) -> bool:
    """A finite number from 0, or a text of one, as money is written."""
    try:
        return not isinstance(value, bool) and math.isfinite(float(value)) and float(value) >= 0
    except (TypeError, ValueError, OverflowError):
        return False


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and _is_amount(value) and value > 0


def _are_times(value: Any) -> bool:
    return isinstance(value, list) and all(item is None or _is_time(item) for item in value)


def _are_contrasts(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(map(_is_text, pair)) for pair in value
    )


_TEXT = (_is_text, "a text")
_COUNT = (_is_count, "a whole number from 0")
STATED: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("preset", "real", "sentinel", "pairing", "scenes", "sides"), _TEXT),
    **dict.fromkeys(
        ("hits_per_batch", "trials_per_cell", "sentinels_per_hit", "max_wrong_sentinels", "practice_trials",
         "workers_per_hit"), _COUNT,
    ),
    "task": (lambda value: value in TASKS, " or ".join(TASKS)),
    "shown": (lambda value: isinstance(value, list) and all(map(_is_text, value)), "a list of conditions"),
    "contrasts": (_are_contrasts, "a list of pairs of conditions"),
    "exposures_ms": (_are_times, "a list of numbers of ms above 0"),
    "sentinel_exposure_ms": (_is_time, "a number of ms above 0"),
    "reward_usd": (_is_amount, "an amount of US dollars"),
    "time_allotted_minutes": (_is_amount, "a number of minutes"),
}  # fmt: skip
