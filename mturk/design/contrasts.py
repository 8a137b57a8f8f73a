"""Which conditions to compare: what the requester names, or what their names suggest. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from itertools import combinations
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError
from glimpse.experiment import Contrast, Experiment, designed
from glimpse.experiment_checks import LARGEST_REWARD_USD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USUAL_REAL = "real"
USUAL_REAL = "real"
USUAL_SENTINEL = "image-space"
USUAL_OURS = "crn"
# Words in place of contrasts: every two conditions; `ours` with every other one, the real one too; each
# condition with the next one, and the last with the first.
ALL, OURS_AGAINST_ALL, RING = "all", "ours-against-all", "ring"
CONTRAST_WORDS = (ALL, OURS_AGAINST_ALL, RING)


def infer(
    experiment: Experiment,
    conditions: Sequence[str],
    *,
    real: str | None = None,
    sentinel: str | None = None,
    contrasts: Sequence[str] = (),
    ours: str | None = None,
    baselines: Sequence[str] = (),
    numbers: Mapping[str, object] | None = None,
) -> Experiment:
    """Return `experiment` over the conditions at hand.

    `real` is the condition of photographs: "" is none of them, None is `real`, where there is one. Without
    `sentinel` it is `image-space`, where there is one (in unlimited time with the preset "authors": each
    batch's own baseline); none, where `numbers` say that known answers come from elsewhere. Contrasts
    default to every pair of the conditions but the sentinel's in limited time, and to `ours` (`crn`) against
    every other condition but the real one in unlimited time; the words `all`, `ours-against-all` and `ring`
    stand for every pair, for `ours` against every other, and for each condition with the next one: the real
    one too, but never the sentinel's.
    GlimpseError when a name is not among the conditions or nothing is left to compare.
    """
    numbers = dict(numbers or {})
    if "reward_usd" in numbers:
        numbers["reward_usd"] = money(str(numbers["reward_usd"]))
    by_condition = _needs_known(experiment, numbers)
    _check_no_exposure(experiment, numbers)
    stated = [("--sentinel", sentinel), ("--ours", ours), *(("--baseline", name) for name in baselines)]
    for option, name in stated:
        _check(option, name, conditions)
    real = _real(real, conditions, needed=by_condition)
    limited = experiment.mode == "limited-time"
    own = not limited and experiment.preset == "authors"
    if sentinel is None and USUAL_SENTINEL in conditions and by_condition and real and not own:
        sentinel = USUAL_SENTINEL
    word = contrasts[0] if len(contrasts) == 1 and contrasts[0] in CONTRAST_WORDS else None
    if word and (baselines or (ours and word != OURS_AGAINST_ALL)):
        raise GlimpseError(f"--contrast {word} names the pairs; leave out --ours and --baseline.")
    if limited and (baselines or (ours and not word)):
        raise GlimpseError("--ours and --baseline belong to --mode unlimited-time; use --contrast A:B here.")
    if contrasts and not word:
        chosen = tuple(_contrast(text, conditions) for text in contrasts)
    elif word in {ALL, RING} or (limited and not word):
        chosen = _every_pair(conditions, real, sentinel)
        chosen = _ring(conditions, sentinel) if word == RING else chosen
    else:
        against = [name for name in conditions if name not in {ours or USUAL_OURS, sentinel}]
        chosen = _against_baselines(conditions, real, ours, against if word else baselines)
    if limited and by_condition and real and sentinel is None:
        raise GlimpseError(
            f"Sentinels need a condition that is plainly not real; there is no {USUAL_SENTINEL!r} among "
            f"{', '.join(conditions)}. Name one with --sentinel, or do without: --sentinels-per-hit 0."
        )
    return designed(experiment, contrasts=chosen, real=real, sentinel=sentinel, **numbers)


def _needs_known(experiment: Experiment, numbers: Mapping[str, object]) -> bool:
    """Tell whether there are trials whose known answers come from a condition beside the real one."""
    counts = [
        numbers.get(name, getattr(experiment, name)) for name in ("sentinels_per_hit", "practice_trials")
    ]
    return numbers.get("sentinels", experiment.sentinels) == "condition" and any(
        int(str(count)) > 0 for count in counts
    )


def _every_pair(conditions: Sequence[str], real: str | None, sentinel: str | None) -> tuple[Contrast, ...]:
    """Return every pair of the conditions but the sentinel's: first those with the real one."""
    fakes = [name for name in conditions if name not in {real, sentinel}]
    against_real = [(name, real) for name in fakes] if real and real in conditions else []
    chosen = (*against_real, *combinations(fakes, 2))
    if not chosen:
        roles = [f"{real!r} is the real one"] * bool(real) + [f"{sentinel!r} the sentinels'"] * bool(sentinel)
        known = f": {', '.join(roles)}" if roles else ""
        raise GlimpseError(
            f"Nothing to compare among {', '.join(conditions)}{known}. Add a condition, or name a contrast "
            "with --contrast A:B."
        )
    return chosen


def _ring(conditions: Sequence[str], sentinel: str | None) -> tuple[Contrast, ...]:
    """Return each of the conditions but the sentinel's with the next one, and the last with the first."""
    names = [name for name in conditions if name != sentinel]
    pairs = zip(names, names[1:] + names[:1], strict=True)
    return tuple(pairs) if len(names) > 2 else (tuple(names),)  # type: ignore[return-value]


def _against_baselines(
    conditions: Sequence[str], real: str | None, ours: str | None, baselines: Sequence[str]
) -> tuple[Contrast, ...]:
    """Return `ours` against each baseline."""
    if ours is None and USUAL_OURS not in conditions:
        raise GlimpseError(
            f"Which condition is yours? Name it with --ours; found are {', '.join(conditions)}."
        )
    ours = ours or USUAL_OURS
    chosen = baselines or [name for name in conditions if name not in {ours, real}]
    if not chosen:
        hint = f", or name one: --baseline {real}" if real else ""
        raise GlimpseError(f"{ours} has no baseline among {', '.join(conditions)}. Add a condition{hint}.")
    return tuple((ours, name) for name in chosen)


def _real(name: str | None, conditions: Sequence[str], *, needed: bool) -> str | None:
    """Return the condition of photographs; None where nothing is one."""
    if name is not None:
        return name if name and _check("--real", name, conditions) else None
    if USUAL_REAL not in conditions and needed:
        _check(
            "--real",
            USUAL_REAL,
            conditions,
            " Say with --real which one it is. Where nothing is a photograph, take known answers from "
            "--sentinel-file or --sentinel-mismatch, or do without: --sentinels-per-hit 0.",
        )
    return USUAL_REAL if USUAL_REAL in conditions else None


def _contrast(text: str, conditions: Sequence[str]) -> Contrast:
    """Read A:B."""
    a, colon, b = text.partition(":")
    if text.lower() in CONTRAST_WORDS:
        raise GlimpseError(f"--contrast {text.lower()} stands alone, in small letters; it names all pairs.")
    if not colon:
        raise GlimpseError(f"contrast {text!r} must be two conditions with a colon between, like crn:real.")
    for name in (a, b):
        _check("--contrast", name, conditions)
    return a, b


def _check_no_exposure(experiment: Experiment, numbers: Mapping[str, object]) -> None:
    """Refuse exposures in unlimited time, where images stay until the answer."""
    for name in ("exposures_ms", "sentinel_exposure_ms"):
        if experiment.mode == "unlimited-time" and numbers.get(name) not in {None, (None,)}:
            option = "--" + name.replace("exposures", "exposure").replace("_", "-")
            raise GlimpseError(
                f"{option} belongs to --mode limited-time; in unlimited time images stay until the answer. "
                "Leave it out."
            )


def _check(option: str, name: str | None, conditions: Sequence[str], hint: str = "") -> bool:
    """Return whether a condition is named; GlimpseError for one that is not there."""
    if name is not None and name not in conditions:
        raise GlimpseError(
            f"{option}: there is no condition {name!r} among the images; found are "
            f"{', '.join(conditions)}.{hint}"
        )
    return name is not None


def money(text: str, name: str = "reward_usd") -> Decimal:
    """Read an amount of dollars; GlimpseError names the field for what is none that anybody pays."""
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or not 0 <= amount <= LARGEST_REWARD_USD:
        raise GlimpseError(
            f"{name} is {text!r}; it must be dollars and cents from 0 to {LARGEST_REWARD_USD}, for example "
            "1.50."
        )
    return amount
