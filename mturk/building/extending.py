"""A system added to a study that was built before: what the new study asks, and what it keeps of the old one.

The new study compares the new conditions with all others, and a few of the old pairs again: anchors, by which
one sees whether people answer now as they did before (`analyze OLD NEW --compare`). Images of the old
conditions keep their opaque names, and workers their pseudonyms, so that the results of both can be analysed
together. The old study stays as it is.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.study import read_study

from ..design.study_file import read_study_file
from .copies import STUDY_FILE
from .earlier import Earlier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from glimpse.experiment import Contrast
    from glimpse.study import Study

    from ..design.stimuli import Key

ANCHORS = 0.1  # the share of contrasts that are old ones, shown again
LEAST_ANCHORS = 2
# What the old study says and the new one decides by itself.
_DECIDED = ("contrasts", "ours", "baselines", "trials_per_cell", "hit_trials", "hits_per_batch")


def extension(folder: Path, new: Sequence[str], now: Mapping[str, Any]) -> tuple[dict[str, Any], Earlier]:
    """Return what the new study is asked to be, by the names of options, and what it keeps.

    Args:
        folder: The study that was built before.
        new: The conditions that are added.
        now: What was stated beside these, which wins.

    Raises:
        GlimpseError: There is no such study, it does not say how it was made, or a condition is in it.
    """
    study = read_study(folder)
    old = list(dict.fromkeys(name for contrast in study.experiment.contrasts for name in contrast))
    if known := [name for name in new if name in old]:
        raise GlimpseError(f"--add {known[0]}: {folder} has this condition already; add another.")
    if not new:
        raise GlimpseError(f"--extend {folder}: name the condition that is added with --add.")
    if twice := [name for name, count in Counter(new).items() if count > 1]:
        raise GlimpseError(f"--add {twice[0]} is given twice; each condition once.")
    if not (folder / STUDY_FILE).is_file():
        raise GlimpseError(
            f"{folder} has no {STUDY_FILE}, which says how it was made; studies of version 0.1.0 cannot be "
            "extended."
        )
    fresh = [(a, b) for place, a in enumerate(new) for b in (*new[place + 1 :], *old)]
    contrasts = (*fresh, *anchors(study.experiment.contrasts, len(fresh)))
    said = {
        name: value for name, value in read_study_file(folder / STUDY_FILE).items() if name not in _DECIDED
    }
    trials = now.get("hit_trials", max(hit.trials for hit in study.hits))
    said |= {"contrasts": tuple(map(":".join, contrasts)), "hit_trials": trials}
    said["hits_per_batch"] = _hits(study, len(new), len(fresh), len(contrasts), trials)
    return {**said, **now}, Earlier(folder, study.secret, _names(study))


def anchors(contrasts: Sequence[Contrast], fresh: int) -> list[Contrast]:
    """Return the old contrasts that are shown again beside `fresh` new ones: spread evenly over all of them.

    >>> anchors([("a", "b"), ("a", "c"), ("b", "c")], 3)
    [('a', 'b'), ('a', 'c')]
    """
    count = min(len(contrasts), max(LEAST_ANCHORS, round(fresh * ANCHORS / (1 - ANCHORS))))
    return [contrasts[place * len(contrasts) // count] for place in range(count)]


def _hits(study: Study, added: int, fresh: int, contrasts: int, trials: int) -> int:
    """Return how many HITs show each new condition as often as the old ones were shown."""
    experiment = study.experiment
    compared = sum(not (trial.sentinel or trial.practice) for trial in study.trials)
    old = len({name for contrast in experiment.contrasts for name in contrast})
    wanted = max(contrasts * len(experiment.exposures_ms), 2 * compared / old * added * contrasts / fresh)
    return max(1, -(-round(wanted) // max(1, trials - experiment.known_per_hit)))


def _names(study: Study) -> dict[Key, str]:
    """Return the opaque names of the images that a study shows."""
    sides = [
        side
        for trial in study.trials
        for side in (
            ((trial.condition_left, trial.item_left), trial.stimulus_left),
            ((trial.condition_right, trial.item_right), trial.stimulus_right),
        )
    ]
    drawn = {(one.condition, one.item): name for name, one in study.stimuli.items() if one.item}
    return dict(sides) | drawn
