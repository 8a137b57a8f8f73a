"""Which assignments the study's own rule excludes: wrong sentinels, or trials without an answer. Pure.

The rule decides what is counted and replaced, never what is paid: an excluded assignment is approved like
every other one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .answers import Submission


class ScreenedTrial(Protocol):
    """What the rule needs of a trial of the plan."""

    @property
    def trial(self) -> str:
        """The id that the page reports."""

    @property
    def hit(self) -> str:
        """The HIT that shows it."""

    @property
    def sentinel(self) -> bool:
        """Whether the answer is known."""

    @property
    def practice(self) -> bool:
        """Whether it is shown and never analysed."""

    @property
    def correct_side(self) -> str | None:
        """The right answer of a sentinel."""


def wrong_sentinels(submission: Submission, trials: Iterable[ScreenedTrial]) -> int:
    """Count the sentinels of the submission's HIT answered on the wrong side.

    A sentinel without an answer is not counted here: `missing_trials` counts it. Of a trial shown twice, the
    showing counts that the analysis counts.
    """
    answers = submission.final()
    return sum(
        1
        for trial in trials
        if trial.hit == submission.hit
        and trial.sentinel
        and not trial.practice
        and trial.trial in answers
        and answers[trial.trial].side != trial.correct_side
    )


def missing_trials(submission: Submission, trials: Iterable[ScreenedTrial]) -> int:
    """Count the trials of the submission's HIT, practice aside, that have no answer."""
    answered = submission.final()
    return sum(
        1
        for trial in trials
        if trial.hit == submission.hit and not trial.practice and trial.trial not in answered
    )


def is_excluded(
    submission: Submission | None, trials: Iterable[ScreenedTrial], max_wrong_sentinels: int
) -> bool:
    """Tell whether the study's rule leaves an assignment out of the analysis.

    `submission` is None when the assignment's answer could not be read. Excluded are: more wrong sentinels
    than `max_wrong_sentinels`, an answer that is missing, a HIT that is not in the plan.
    """
    if submission is None:
        return True
    own = [trial for trial in trials if trial.hit == submission.hit]
    if not own or missing_trials(submission, own):
        return True
    return wrong_sentinels(submission, own) > max_wrong_sentinels
