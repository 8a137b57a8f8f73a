"""What simulated people answer to each kind of question, and what they enter in forms.

What somebody sees in favour of the right image, y = -drive + N(0, 1), is cut at thresholds (Thurstone's model
with ties: Glenn & David 1960; steps of a scale: an ordinal probit). With t for `tie_threshold` and w for
`scale_step`, both in probit units:

    choice          left | 0 | right
    choice-or-tie   left | -t | tie | t | right
    scale of n      ... | -t - w | -1 | -t | 0 | t | 1 | t + w | ...

A choice so has the rate of the realism curve. Where ties are allowed, a tie counts as half, and the rate is
(Phi(mu - t) + Phi(mu + t)) / 2: nearer to one half. Who does not look, and who clicks at random, takes each
answer equally often.

Several questions share the people: their ability, bias and care. A pair and an image have, under the first
question, the effect e, and under another r e + sqrt(1 - r^2) e', with r for `question_correlation`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glimpse.forms import FormField
    from glimpse.questions import AnswerKind, Choice

    from .observer import Observer, Workers

    Floats = NDArray[np.float64]

ANSWERS_OPTIONAL = 0.8  # share of people who fill a field that may stay empty
NUMBERS = (18, 75)  # what a field of kind number gets, both included
TEXT = "Simulated."


def thresholds(kind: AnswerKind, observer: Observer) -> Floats:
    """Return what parts an answer from the next, from left to right, in probit units towards right.

    >>> from glimpse.questions import KINDS
    >>> from .observer import Observer
    >>> thresholds(KINDS["scale-5"], Observer(tie_threshold=0.5, scale_step=1)).tolist()
    [-1.5, -0.5, 0.5, 1.5]
    """
    if not kind.tie:
        return np.zeros(1)
    upper = observer.tie_threshold + observer.scale_step * np.arange(kind.steps)
    return np.concatenate([-upper[::-1], upper])


def draw_answers(
    kind: AnswerKind, observer: Observer, drive: Floats, person: Workers, rng: np.random.Generator
) -> list[Choice]:
    """Draw one person's answers to trials, of which `drive` (T,) says what favours the left image."""
    place = np.searchsorted(thresholds(kind, observer), rng.normal(size=drive.shape) - drive)
    careless = (rng.random(drive.shape) < person.lapse[0]) | person.random[0]
    place = np.where(careless, rng.integers(len(kind.answers), size=drive.shape), place)
    return [kind.answers[one] for one in place]


def alike(first: Floats, own: Floats, correlation: float) -> Floats:
    """Return effects under another question: as large as `first`, and correlated with it."""
    return np.asarray(correlation * first + math.sqrt(1 - correlation**2) * own, dtype=float)


def fill_forms(forms: Sequence[FormField], rng: np.random.Generator) -> dict[str, str]:
    """Return what somebody enters: an option, a number, a text that says that it is simulated, or nothing.

    >>> from glimpse.forms import FormField
    >>> fill_forms([FormField("note", "What did you see?")], np.random.default_rng(0))
    {'note': 'Simulated.'}
    """
    entered = {}
    for field in forms:
        low, high = NUMBERS
        drawn: dict[str, Any] = {
            "choice": field.options[int(rng.integers(len(field.options)))] if field.options else "",
            "number": str(rng.integers(low, high + 1)),
            "text": TEXT,
        }
        empty = not field.required and rng.random() >= ANSWERS_OPTIONAL
        entered[field.name] = "" if empty else drawn[field.kind]
    return entered
