"""Cells spread over HITs, where one HIT cannot show all of them: how many trials, and how many HITs. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from glimpse.duration import minutes
from glimpse.errors import GlimpseError
from glimpse.experiment import Batch, preset
from glimpse.text import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from glimpse.context import Context
    from glimpse.experiment import Experiment

# What says how often cells are shown where a HIT has all of them.
NOT_BESIDE = "trials_per_cell"
_LEAST = 10  # compared trials of a HIT, however little time there is
_MANY_BATCHES = 12  # of one contrast each; from more on, their HITs cost more than most rankings need


def spread(experiment: Experiment, trials: int, hits: int | None = None) -> Experiment:
    """Return an experiment whose cells are spread over HITs, in one batch.

    Args:
        experiment: As `infer` returns it.
        trials: Of a HIT, sentinels and practice among them.
        hits: How many HITs; None: so many that each condition is shown about as often at each exposure as in
            the usual study of the mode, and each cell at least once.

    Raises:
        GlimpseError: There is no sentinel condition for one batch, or the numbers cannot be.
    """
    by_condition = experiment.sentinels == "condition" and experiment.known_per_hit
    if by_condition and experiment.sentinel is None:
        raise GlimpseError(
            "--trials-per-hit spreads all contrasts over HITs, whose sentinels need a condition that is "
            "plainly not real. Name one with --sentinel, or do without: --sentinels-per-hit 0."
        )
    cells = experiment.cells
    compared = trials - experiment.known_per_hit
    found = hits or max(1, -(-usual_trials(experiment) // max(1, compared)))
    return replace(
        experiment,
        batches=(Batch("b1", experiment.contrasts, experiment.sentinel if by_condition else None),),
        hit_trials=trials,
        hits_per_batch=found,
        trials_per_cell=max(1, -(-compared // cells)),
    )


def drawn(
    experiment: Experiment, trials: int | None = None, hits: int | None = None, first: int | None = None
) -> Experiment:
    """Return an experiment whose compared trials our own server draws for each assignment.

    Arguments as of `spread`; without `trials`, HITs are as long as those of the mode's usual study, or as
    half of the time allotted allows. `first`: how many of the first conditions are to be told apart; None:
    all, the first most of all. GlimpseError as of `spread`, and for pairs of two items.
    """
    if experiment.pairing != "same-item":
        raise GlimpseError(
            "--allocation adaptive draws pairs of one item; leave --pairing random out, or plan the trials."
        )
    found = spread(experiment, trials or usual_length(experiment), hits)
    return replace(found, allocation="adaptive", first=first)


def usual_length(experiment: Experiment, contexts: Sequence[Context] = ()) -> int:
    """Return the trials of a usual HIT, or how many half of the time allotted allows."""
    usual = preset(experiment.mode, experiment.preset)
    trials = min(map(usual.trials_per_hit, usual.batches))
    floor = experiment.known_per_hit + _LEAST
    while trials > floor and 2 * _minutes(experiment, trials, contexts) > experiment.time_allotted_minutes:
        trials -= 5
    return max(floor, trials)


def usual_trials(experiment: Experiment) -> int:
    """Return how many compared trials show each condition as often as the mode's usual study does.

    There, a condition stands in 100 trials of each exposure in limited time, and in 500 in unlimited time.
    No contrast is shown more often than there, and each cell is shown at least once.
    """
    usual = preset(experiment.mode, experiment.preset)
    per_contrast = usual.hits_per_batch * usual.trials_per_cell
    per_condition = per_contrast * (2 if experiment.mode == "limited-time" else 1)
    names = {name for contrast in experiment.contrasts for name in contrast}
    contrasts = len(experiment.contrasts)
    of_exposure = min(contrasts * per_contrast, max(contrasts, len(names) * per_condition // 2))
    return of_exposure * len(experiment.exposures_ms)


def spread_where_needed(
    experiment: Experiment, said: Collection[str], contexts: Sequence[Context] = ()
) -> tuple[Experiment, str | None]:
    """Spread the cells of more conditions than usual where one HIT with all of them would take too long.

    Args:
        experiment: As `infer` returns it.
        said: What was stated, by the names of fields; whoever states trials of a cell gets them.
        contexts: Prompts and references of the items, which take time to read.

    Returns:
        The experiment, changed or not, and what to say of it: None where it is as it was.
    """
    usual = preset(experiment.mode, experiment.preset)
    most = max(len(batch.contrasts) for batch in experiment.batches) * len(experiment.exposures_ms)
    least = max(len(batch.contrasts) for batch in usual.batches) * len(usual.exposures_ms)
    if {"hit_trials", NOT_BESIDE} & set(said):
        return experiment, None
    if most <= least:
        return experiment, _many_batches(experiment, contexts)
    longest = max(map(experiment.trials_per_hit, experiment.batches))
    allotted, needed = experiment.time_allotted_minutes, _minutes(experiment, longest, contexts)
    if needed <= allotted:
        return experiment, None
    hits = experiment.hits_per_batch if "hits_per_batch" in said else None
    found = spread(experiment, usual_length(experiment, contexts), hits)
    return found, (
        f"{counted(experiment.cells, 'cell')} are too many for one HIT: it would take about {needed} "
        f"minutes, and {allotted} are allotted. They are spread over {counted(found.hits, 'HIT')} of "
        f"{found.hit_trials} trials, each cell equally often. --trials-per-hit and --hits-per-batch set "
        "other numbers."
    )


def _many_batches(experiment: Experiment, contexts: Sequence[Context]) -> str | None:
    """Say what HITs of one contrast each cost where there are many; None where they are few."""
    named = experiment.sentinel is not None or not experiment.known_per_hit
    if len(experiment.batches) <= _MANY_BATCHES or not (named or experiment.sentinels != "condition"):
        return None
    trials = usual_length(experiment, contexts)
    fewer = spread(experiment, trials).hits
    return (
        f"{len(experiment.batches)} contrasts make {counted(experiment.hits, 'HIT')}, since each HIT asks "
        f"about one contrast. --trials-per-hit {trials} spreads them over {counted(fewer, 'HIT')}, each of "
        "which connects many conditions: that is enough for a ranking."
    )


def _minutes(experiment: Experiment, trials: int, contexts: Sequence[Context]) -> int:
    """Estimate the minutes of a HIT of so many trials, whose exposures and contexts come in turn."""
    exposures = experiment.exposures_ms
    shown = contexts or (None,)
    pairs = ((exposures[one % len(exposures)], shown[one % len(shown)]) for one in range(trials))
    return minutes(pairs, experiment.questions, break_every=experiment.break_every)
