"""Which assignments and answers count: the exclusion rules, once, for server, client and analysis.

The rules decide what is counted and replaced, never what is paid: an excluded assignment is approved like
every other one. Each rule takes numbers of one assignment, or arrays with one entry an assignment.

To add a reason: enter it in REASONS, write its rule, and let `analysis.reading.exclusion.exclude` apply it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpse.questions import DEFAULT_QUESTION, is_right

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from glimpse.questions import Choice, Question
    from glimpse.study import Study
    from glimpse.submission import Answer, Submission
    from glimpse.trials import Trial

# Reason -> what helps where it left nothing to analyse. Where several hold, a judgment carries the first; the
# table of assignments carries all. Wrong sentinels come last, so that lifting that rule brings back exactly
# what no other rule excludes.
INCOMPLETE, REPEAT = "incomplete", "repeat worker"
EXPOSURE, SENTINELS = "exposure error", "wrong sentinels"
# What never becomes a judgment: the analysis names it among the problems of its input.
UNREADABLE, FOREIGN = "unreadable", "of another study"
REASONS = {
    INCOMPLETE: "An assignment is incomplete where a trial of its HIT has no answer: collect again, or check "
    "that trials.csv is the design that was answered.",
    REPEAT: "Analyse with --repeat-workers keep to see what is there.",
    EXPOSURE: "Analyse with a larger --max-exposure-error-ms to see what is there.",
    SENTINELS: "Analyse with --no-sentinel-filter or a larger --max-wrong to see what is there.",
}

FRAMES_OFF = 1.5  # how far, in frames, the exposure of a repeated trial may be off for it to count
USUAL_HZ = 60.0  # where a page did not measure its screen
FOREIGN_OFF = 0.5  # of the planned exposure: further off than any screen's frame, even at 1/8 s
FOREIGN_FEWEST = 5  # measured trials of an assignment, below which nothing is concluded


def replaces(answer: Answer, exposure_ms: float | None, refresh_hz: float) -> bool:
    """Tell whether a trial's second showing counts in place of its first.

    It does where the page flagged nothing, and where the measured exposure, if there is one, is within
    FRAMES_OFF frames of the planned one. `refresh_hz` is the screen's, NaN where it is not known.
    """
    if answer.flags:
        return False
    if exposure_ms is None or answer.shown_ms is None:
        return True
    frame_ms = 1000 / (refresh_hz if refresh_hz > 0 else USUAL_HZ)
    return abs(answer.shown_ms - exposure_ms) <= FRAMES_OFF * frame_ms


def is_wrong(choice: Choice | None, correct_side: str | None) -> bool:
    """Tell whether a sentinel's answer does not name the right side; a tie does not."""
    return choice is None or not is_right(choice, correct_side)


def is_incomplete(n_answered: Any, n_trials: Any) -> Any:
    """Tell whether a trial of the HIT, practice aside, has no answer."""
    return n_answered < n_trials


def fails_sentinels(n_wrong: Any, max_wrong: Any) -> Any:
    """Tell whether more sentinels than allowed were answered on the wrong side."""
    return n_wrong > max_wrong


def chance_of_exclusion(sentinels: int, max_wrong: int, wrong_rate: float) -> float:
    """Return how likely `fails_sentinels` is where each sentinel is wrong with probability `wrong_rate`.

    >>> chance_of_exclusion(5, 0, 0.5)
    0.96875
    """
    kept = (
        math.comb(sentinels, k) * wrong_rate**k * (1 - wrong_rate) ** (sentinels - k)
        for k in range(max_wrong + 1)
    )
    return 1.0 - sum(kept) if sentinels > max_wrong else 0.0


def fits_plan(shown_ms: Any, exposure_ms: Any) -> Any:
    """Tell whether a measured exposure can be its trial's; none can where `exposure_ms` is NaN."""
    return abs(shown_ms - exposure_ms) <= FOREIGN_OFF * exposure_ms


def is_foreign(n_measured: Any, n_off: Any) -> Any:
    """Tell whether the answers are of another study, by how many measured exposures contradict the plan.

    HITs and trials have the same names in every study, so that answers of another study would join without
    a sound, with the wrong conditions. A page measures how long it showed each trial; where that contradicts
    the plan in most trials of an assignment, the assignment was made on other trials.
    """
    return (n_measured >= FOREIGN_FEWEST) & (2 * n_off > n_measured)


def repeats(assignments: Iterable[tuple[Hashable, Any, str]]) -> set[str]:
    """Return the assignments that are not their worker's first in a batch.

    `assignments` are (batch and worker, when it was submitted, assignment's id). Those without a time (None,
    or an empty text) come first, in the order given; equal times are put in order by the ids.
    """
    ordered = sorted(assignments, key=lambda one: (True, one[1], one[2]) if one[1] else (False,))
    first: dict[Hashable, str] = {}
    for who, _, name in ordered:
        first.setdefault(who, name)
    return {name for who, _, name in ordered if first[who] != name}


@dataclass(frozen=True)
class Performance:
    """What an assignment is judged by; practice never counts.

    n_trials of its HIT, n_answered of them; n_wrong of n_sentinels answered ones; n_off of n_measured
    exposures contradict the plan.
    """

    n_trials: int
    n_answered: int
    n_sentinels: int
    n_wrong: int
    n_measured: int
    n_off: int

    def reason(self, max_wrong_sentinels: int) -> str | None:
        """Return why the study's own rules leave the assignment out; None where it counts."""
        if not self.n_trials or is_foreign(self.n_measured, self.n_off):
            return FOREIGN
        if is_incomplete(self.n_answered, self.n_trials):
            return INCOMPLETE
        return SENTINELS if fails_sentinels(self.n_wrong, max_wrong_sentinels) else None


def final_answers(submission: Submission, trials: Sequence[Trial]) -> dict[str, Answer]:
    """Return the answer that counts for each trial: the first, unless a later showing `replaces` it."""
    planned = {trial.trial: trial.exposure_ms for trial in trials}
    chosen: dict[str, Answer] = {}
    for answer in submission.answers:
        if answer.trial not in chosen or (
            answer.repeat and replaces(answer, planned.get(answer.trial), submission.refresh_hz)
        ):
            chosen[answer.trial] = answer
    return chosen


def tally(
    submission: Submission,
    trials: Sequence[Trial],
    questions: Sequence[Question] = (DEFAULT_QUESTION,),
    judged_by: Question | None = None,
    *,
    climbed: bool = False,
) -> Performance:
    """Count what a submission is judged by; `trials` are those of its HIT.

    A trial is answered when all `questions` are; `judged_by` is the one to which the answers of sentinels are
    known, None for the first. `climbed`: exposures were decided answer by answer, and none was planned.
    """
    known = judged_by or questions[0]
    answers = {
        name: answer
        for name, answer in final_answers(submission, trials).items()
        if answer.answers_all(questions)
    }
    scored = [trial for trial in trials if not trial.practice]
    pairs = [(trial, answers[trial.trial]) for trial in scored if trial.trial in answers]
    sentinels = [(trial, answer) for trial, answer in pairs if trial.sentinel]
    measured = [
        (trial, answer.shown_ms) for trial, answer in pairs if answer.shown_ms is not None and not climbed
    ]
    return Performance(
        n_trials=len(scored),
        n_answered=len(pairs),
        n_sentinels=len(sentinels),
        n_wrong=sum(is_wrong(answer.choice(known), trial.correct_side) for trial, answer in sentinels),
        n_measured=len(measured),
        n_off=sum(
            not fits_plan(shown_ms, math.nan if trial.exposure_ms is None else trial.exposure_ms)
            for trial, shown_ms in measured
        ),
    )


def reason_left_out(
    study: Study, hit: str, submission: Submission | None, trials: Sequence[Trial] | None = None
) -> str | None:
    """Return why a study's rules leave one assignment out, by itself; None where it counts.

    `hit` is the HIT that was served, whatever the submission says; `submission` is None where it cannot be
    read. `trials` are those of the HIT where they were drawn; None: as planned. An assignment's reason never
    changes, so that it is found out once.
    """
    if submission is None or (submission.study, submission.hit) != (study.study, hit):
        return UNREADABLE
    experiment = study.experiment
    shown = study.trials_of(hit) if trials is None else trials
    climbed = experiment.staircase is not None
    found = tally(submission, shown, experiment.questions, experiment.judged_by, climbed=climbed)
    return found.reason(experiment.max_wrong_sentinels)


class Submitted(NamedTuple):
    """A submitted assignment: the batch that was served, when it came, and its own `reason_left_out`."""

    assignment_id: str
    worker_id: str
    batch: str
    at: Any
    reason: str | None


def left_out(assignments: Iterable[Submitted]) -> dict[str, str]:
    """Return assignment id -> reason of all that are left out, a worker's later ones among them."""
    known = list(assignments)
    # What belongs to another study is nobody's first assignment in this one.
    own = [one for one in known if one.reason != FOREIGN]
    later = repeats(((one.batch, one.worker_id), one.at, one.assignment_id) for one in own)
    return {
        one.assignment_id: one.reason or REPEAT
        for one in known
        if one.reason is not None or one.assignment_id in later
    }
