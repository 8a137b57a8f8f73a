"""What no experiment can have: counts, contrasts, sentinels and exposures, checked once. Pure.

`Experiment` calls these when it is made; they take it as it is, since its class imports them.
"""

from __future__ import annotations

from typing import Any

from glimpse.errors import GlimpseError

LARGEST_REWARD_USD = 10_000
MOST_WORKERS_PER_HIT = 10_000  # that a server and a plan bear, and more than any study has had
SMALLEST = {
    "hits_per_batch": 1,
    "trials_per_cell": 1,
    "sentinels_per_hit": 0,
    "max_sentinels_in_a_row": 1,
    "max_wrong_sentinels": 0,
    "practice_trials": 0,
    "break_every": 0,
    "workers_per_hit": 1,
    "time_allotted_minutes": 1,
}


def check_counts(experiment: Any) -> None:
    """Check every count against its smallest value."""
    for name, least in SMALLEST.items():
        count = getattr(experiment, name)
        if not isinstance(count, int) or isinstance(count, bool) or count < least:
            raise GlimpseError(f"{name} is {count!r}; it must be a whole number of at least {least}.")
    _check_spread(experiment)
    reward = experiment.reward_usd
    if not reward.is_finite() or not 0 <= reward <= LARGEST_REWARD_USD or reward != round(reward, 2):
        raise GlimpseError(
            f"reward_usd is {reward}; it must be dollars and cents from 0 to {LARGEST_REWARD_USD}, "
            "for example 1.50."
        )
    for batch in experiment.batches:
        room = experiment.genuine_per_hit(batch) * experiment.max_sentinels_in_a_row
        if experiment.sentinels_per_hit > room:
            raise GlimpseError(
                f"sentinels_per_hit is {experiment.sentinels_per_hit}; with at most "
                f"{experiment.max_sentinels_in_a_row} in a row, a HIT of batch {batch.batch} has room "
                f"for {room}."
            )


def _check_spread(experiment: Any) -> None:
    """Check the trials of a HIT where they are stated: all cells must be shown, each in some HIT."""
    trials, known = experiment.hit_trials, experiment.known_per_hit
    if experiment.allocation == "adaptive" and (trials is None or experiment.pairing != "same-item"):
        raise GlimpseError("allocation is 'adaptive'; it needs --trials-per-hit, and --pairing same-item.")
    _check_first(experiment)
    if trials is None:
        return
    if not isinstance(trials, int) or isinstance(trials, bool) or trials <= known:
        raise GlimpseError(
            f"trials_per_hit is {trials!r}; it must be a whole number above {known}, the sentinels and "
            "practice trials of a HIT."
        )
    for batch in experiment.batches:
        compared = len(batch.contrasts) or len(batch.shown) - 1
        cells = compared * len(experiment.exposures_ms)
        if experiment.hits_per_batch * (trials - known) < cells:
            raise GlimpseError(
                f"hits_per_batch is {experiment.hits_per_batch}; {cells} cells need "
                f"{-(-cells // (trials - known))} HITs of {trials} trials, or some would never be shown. "
                "Raise --hits-per-batch or --trials-per-hit, or compare fewer conditions."
            )


def _check_first(experiment: Any) -> None:
    """Check how many of the first conditions are to be told apart."""
    first = experiment.first
    if first is None:
        return
    if experiment.allocation != "adaptive":
        raise GlimpseError(
            f"first is {first!r}; it says which trials the server draws. Add --allocation adaptive, or leave "
            "--first out."
        )
    conditions = len({name for contrast in experiment.contrasts for name in contrast})
    if not isinstance(first, int) or isinstance(first, bool) or not 1 <= first <= conditions:
        raise GlimpseError(
            f"first is {first!r}; it must be a whole number from 1 to {conditions}, the conditions that are "
            "compared."
        )


def check_contrasts(experiment: Any) -> None:
    """Check that contrasts name two conditions each, once, and that each is in a batch."""
    names = [batch.batch for batch in experiment.batches]
    if len(set(names)) != len(names):
        raise GlimpseError(f"batches are named {', '.join(names)}; each needs a name of its own.")
    if experiment.task == "single":
        return
    if not experiment.contrasts:
        raise GlimpseError("There is no contrast; name at least one, for example --contrast crn:real.")
    seen: set[frozenset[str]] = set()
    for a, b in experiment.contrasts:
        if a == b or not a or not b:
            raise GlimpseError(f"contrast {a}:{b} must name two different conditions.")
        if frozenset((a, b)) in seen:
            raise GlimpseError(f"contrast {a}:{b} is named twice; each pair of conditions once.")
        seen.add(frozenset((a, b)))
    batched = [contrast for batch in experiment.batches for contrast in batch.contrasts]
    if sorted(set(batched)) != sorted(experiment.contrasts) or len(set(batched)) != len(batched):
        raise GlimpseError("batches must hold each of the experiment's contrasts exactly once.")


def check_sentinels(experiment: Any) -> None:
    """Check that there is a condition for the trials with a known answer, and that it is not the real one."""
    names = [question.name for question in experiment.questions]
    if experiment.sentinel_question not in {None, *names}:
        raise GlimpseError(
            f"sentinel_question is {experiment.sentinel_question!r}; the questions are {', '.join(names)}."
        )
    if experiment.sentinels != "condition":
        return
    known = experiment.sentinels_per_hit or experiment.practice_trials
    if known and experiment.real is None:
        raise GlimpseError(
            f"{experiment.sentinels_per_hit} sentinels and {experiment.practice_trials} practice trials a "
            "HIT need known answers, and no condition is real. Name it with --real, take the answers from "
            "--sentinel-file or --sentinel-mismatch, or set --sentinels-per-hit 0."
        )
    for batch in experiment.batches:
        if batch.sentinel is not None and batch.sentinel == experiment.real:
            raise GlimpseError(
                f"sentinel is {experiment.real!r}, the real condition; name a synthesized one."
            )
        if batch.sentinel is None and known:
            raise GlimpseError(
                f"batch {batch.batch} has no sentinel condition, but {experiment.sentinels_per_hit} "
                f"sentinels and {experiment.practice_trials} practice trials a HIT; "
                "name one with --sentinel, or set --sentinels-per-hit 0."
            )


def check_exposures(experiment: Any) -> None:
    """Check that exposures are distinct, positive and fit the mode."""
    exposures = experiment.exposures_ms
    if not exposures or len(set(exposures)) != len(exposures):
        raise GlimpseError(f"exposures_ms is {list(exposures)}; name each exposure once.")
    limited = experiment.mode == "limited-time"
    stated = experiment.sentinel_exposure_ms
    sentinel = (stated,) if experiment.sentinels_per_hit and stated is not None else ()
    for exposure_ms in (*exposures, *sentinel):
        if limited and (not isinstance(exposure_ms, int) or not 1 <= exposure_ms <= 60_000):
            raise GlimpseError(f"exposure {exposure_ms!r} in limited-time; allowed are 1 to 60000 ms, whole.")
        if not limited and exposure_ms is not None:
            raise GlimpseError(
                f"exposure {exposure_ms} ms in unlimited-time, where images stay: it must be null."
            )
