"""The trials that a server drew for one assignment: as they are stored, and as rows of trials.csv. Pure.

A page reads a trial as PACKED characters: the two opaque names, a digit for the exposure, and one for the
endings of the files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.submission import AnswerError

if TYPE_CHECKING:
    from glimpse.study import Study
    from glimpse.trials import Trial

NAME_LENGTH = 20
PACKED = 2 * NAME_LENGTH + 2
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def is_adaptive(study: Study) -> bool:
    """Tell whether our own server draws a study's trials."""
    return study.experiment.allocation == "adaptive"


@dataclass(frozen=True)
class DrawnTrials:
    """An assignment's trials: the name of its HIT, the number of its first trial, all of them packed.

    `contexts` has each trial's number among the study's contexts; empty where it has none. `template` is the
    HIT whose sentinels and practice trials they have.
    """

    hit: str
    first: int
    packed: str
    template: str
    contexts: tuple[int, ...] = ()

    def to_text(self) -> str:
        """Return it as it is stored."""
        value = [self.hit, self.first, self.packed, self.template, list(self.contexts)]
        return json.dumps(value, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> DrawnTrials:
        """Read what `to_text` wrote; AnswerError for anything else."""
        try:
            hit, first, trials, template, contexts = json.loads(text)
            found = cls(str(hit), int(first), str(trials), str(template), tuple(map(int, contexts)))
        except (ValueError, TypeError, RecursionError) as error:
            raise AnswerError(f"drawn trials cannot be read: {error}") from None
        if len(found.packed) % PACKED:
            raise AnswerError(f"drawn trials have {len(found.packed)} characters, not a multiple of {PACKED}")
        return found


def rows_of(study: Study, drawn: DrawnTrials) -> list[Trial]:
    """Return the rows of trials.csv of what was drawn; AnswerError where that is none of the study's."""
    exposures, digits = study.exposures_ms, len(study.trials[0].trial) - 1
    found = []
    for place, planned in enumerate(study.trials_of(drawn.template)):
        text = drawn.packed[PACKED * place : PACKED * (place + 1)]
        name = f"t{drawn.first + place:0{digits}d}"
        if planned.sentinel or planned.practice:
            found.append(planned._replace(hit=drawn.hit, trial=name))
            continue
        names = text[:NAME_LENGTH], text[NAME_LENGTH : 2 * NAME_LENGTH]
        try:
            left, right = (study.stimuli[one] for one in names)
            exposure_ms = exposures[DIGITS.index(text[2 * NAME_LENGTH])] if exposures else None
            contrast = next(
                one for one in study.experiment.contrasts if set(one) == {left.condition, right.condition}
            )
        except (KeyError, IndexError, ValueError, StopIteration):
            raise AnswerError(f"the drawn trial {name} shows what is not in the study") from None
        found.append(
            planned._replace(
                hit=drawn.hit, trial=name, contrast=":".join(contrast), exposure_ms=exposure_ms,
                condition_left=left.condition, item_left=left.item, stimulus_left=names[0],
                condition_right=right.condition, item_right=right.item, stimulus_right=names[1],
                context=left.item if left.item in study.contexts else "",
            )
        )  # fmt: skip
    return found
