"""How long a HIT takes, and what it pays an hour: one estimate for pages, build-hits, publish and power.

Each exposure and its fixation last what they last; the rest is typical of pages like ours: about two
seconds a choice, silent reading at 238 words a minute (Brysbaert 2019, "How many words do we read per
minute?"), and 255 characters a minute of Chinese, Japanese and Korean (Trauzettel-Klosinski & Dietz 2012).
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain, repeat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from glimpse.context import Context
    from glimpse.forms import FormField
    from glimpse.questions import Question
    from glimpse.staircase import StaircaseSettings
    from glimpse.study import Study
    from glimpse.trials import Trial

FIXATION_MS = 600
LOOK_MS = 2200  # at a pair that stays
LOOK_AT_ONE_MS = 1500
ANSWER_MS = {
    "choice": 1800, "choice-or-tie": 2000, "scale-5": 2500, "scale-7": 3000, "real-or-generated": 1500,
    "confidence-4": 2200, "confidence-6": 2500,
}  # fmt: skip
TOLD_MS = 1600  # for which the page says whether an answer was right
WORD_MS, CHARACTER_MS = 60_000 / 238, 60_000 / 255
REFERENCE_MS = 1500
FIELD_MS = {"choice": 6000, "number": 6000, "text": 15_000}
# Consent and instructions take half a minute, a break ten seconds; together at least a minute.
START_MS, BREAK_MS, BESIDE_MS = 30_000, 10_000, 60_000
_CHARACTERS = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")


def reading_ms(text: str) -> float:
    """Return how long a person reads a text, in ms.

    >>> round(reading_ms("a red cube on a blue table"))
    1765
    """
    characters = len(_CHARACTERS.findall(text))
    return characters * CHARACTER_MS + len(_CHARACTERS.sub(" ", text).split()) * WORD_MS


def minutes(
    shown: Iterable[tuple[float | None, Context | None]],
    questions: Sequence[Question],
    *,
    fixation_ms: int = FIXATION_MS,
    forms: Sequence[FormField] = (),
    break_every: int = 0,
    clips_ms: Sequence[float] = (),
    look_ms: int = LOOK_MS,
) -> int:
    """Estimate the whole minutes of a HIT from its trials: exposures in ms (None: unlimited) and contexts.

    `clips_ms`: how long the clips of each trial play; without limit they are taken to be seen once, whole.
    `look_ms`: how long people look at what stays.

    >>> from glimpse.questions import DEFAULT_QUESTION
    >>> minutes([(None, None)] * 110, [DEFAULT_QUESTION])
    9
    """
    answers = sum(ANSWER_MS[question.answer] for question in questions)
    trials, total = 0, 0.0
    for (exposure_ms, context), clip_ms in zip(shown, chain(clips_ms, repeat(0.0)), strict=False):
        trials += 1
        total += answers + (exposure_ms + fixation_ms if exposure_ms else max(look_ms, clip_ms))
        if context is not None:
            total += reading_ms(context.text) + (REFERENCE_MS if context.image else 0)
    breaks = (trials - 1) // break_every if break_every else 0
    total += max(BESIDE_MS, START_MS + BREAK_MS * breaks) + sum(FIELD_MS[field.kind] for field in forms)
    return math.ceil(total / 60_000)


def hit_minutes(study: Study, hit: str) -> int:
    """Estimate how many whole minutes one HIT of a study takes."""
    experiment = study.experiment
    stairs, told = experiment.staircase, TOLD_MS * experiment.feedback
    return minutes(
        (
            (_shown_ms(trial, stairs, told), study.contexts.get(trial.context))
            for trial in study.trials_of(hit)
        ),
        experiment.questions,
        fixation_ms=study.page_settings.get("fixation_ms", FIXATION_MS),
        forms=study.forms,
        break_every=experiment.break_every,
        clips_ms=[study.stimuli[trial.stimulus_left].duration_ms or 0.0 for trial in study.trials_of(hit)]
        if study.moving
        else (),
        look_ms=LOOK_AT_ONE_MS if experiment.task == "single" else LOOK_MS,
    )


def _shown_ms(trial: Trial, stairs: StaircaseSettings | None, told_ms: int) -> float | None:
    """Return how long a trial is shown, with what is told of its answer; a staircase begins in its middle."""
    if stairs is None:
        return trial.exposure_ms
    return (trial.exposure_ms or stairs.start_ms) + told_ms


def study_minutes(study: Study) -> int:
    """Estimate the whole minutes of a study's longest HIT."""
    return max(hit_minutes(study, hit.hit) for hit in study.hits)


def hourly_usd(reward_usd: Decimal, minutes: int) -> Decimal:
    """Return what a reward comes to an hour, in dollars and cents.

    >>> hourly_usd(Decimal("2.00"), 10)
    Decimal('12.00')
    """
    return (reward_usd * 60 / minutes).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
