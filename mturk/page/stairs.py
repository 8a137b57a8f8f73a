"""What a server needs to decide exposures answer by answer: a study's rules, and what follows. Pure.

The rules are private: they say which images are real. A page learns how long to show its next image, and
where the study gives feedback whether its last answer was right; both follow from the answers that the server
has kept, so that nothing else is stored, and a reload or a new start of the server changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from glimpse.questions import REAL, value_of
from glimpse.single import block_sizes
from glimpse.staircase import StaircaseSettings, next_exposure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glimpse.study import Study

RULES_VERSION = 1


class Decision(NamedTuple):
    """Of the trial at `place` (from 0): its exposure, None after the last one; whether the answer before it
    was right, None where nobody is told.
    """

    place: int
    exposure_ms: int | None
    right: bool | None


def is_climbed(study: Study) -> bool:
    """Tell whether a server decides the exposures of a study."""
    return study.experiment.staircase is not None


def rules_of(study: Study) -> dict[str, Any]:
    """Return the rules of a study's staircases, as JSON can hold them.

    settings, blocks, feedback: the experiment's. question: whose answers count. hits: by name the number of
    the first trial, the exposures of practice trials, and of every trial R where its image is real, else G.
    """
    experiment = study.experiment
    hits = {}
    for hit in study.hits:
        trials = study.trials_of(hit.hit)
        hits[hit.hit] = {
            "first": int(trials[0].trial[1:]),
            "practice_ms": [one.exposure_ms for one in trials if one.practice],
            "truth": "".join(
                "R" if (one.correct_side or one.condition_left) in {REAL, experiment.real} else "G"
                for one in trials
            ),
        }
    return {
        "version": RULES_VERSION,
        "study": study.study,
        "settings": experiment.staircase.to_json() if experiment.staircase else {},
        "blocks": experiment.blocks,
        "feedback": experiment.feedback,
        "question": experiment.judged_by.name,
        "hits": hits,
    }


def decide(rules: Mapping[str, Any], hit: str, answers: Sequence[Any], place: int) -> Decision:
    """Return what follows from the answers that were kept, in the page's form, for the trial at `place`.

    Those from `first_needed` on are enough. KeyError, TypeError or ValueError where a hit or an answer is
    none of the study's.
    """
    own = rules["hits"][hit]
    truth, practice = own["truth"], own["practice_ms"]
    right: dict[int, bool] = {}
    for answer in answers:
        value = value_of(answer["choices"][rules["question"]])
        where = int(answer["trial"][1:]) - own["first"]
        if 0 <= where < len(truth):
            right[where] = (value > 0) == (truth[where] == "G")
    last = right.get(place - 1) if rules["feedback"] else None
    if not 0 <= place < len(truth):
        return Decision(place, None, last)
    if place < len(practice):
        return Decision(place, int(practice[place]), last)
    before = [right[one] for one in range(_block_start(rules, hit, place), place) if one in right]
    return Decision(place, next_exposure(StaircaseSettings.from_json(rules["settings"]), before), last)


def first_needed(rules: Mapping[str, Any], hit: str, place: int) -> int:
    """Return from which place on `decide` needs answers: the block's, and the one before `place`.

    KeyError where the hit is none of the study's.
    """
    return max(0, min(_block_start(rules, hit, place), place - 1))


def _block_start(rules: Mapping[str, Any], hit: str, place: int) -> int:
    own = rules["hits"][hit]
    start = len(own["practice_ms"])
    for size in block_sizes(len(own["truth"]) - start, rules["blocks"]):
        if place < start + size:
            break
        start += size
    return int(start)
