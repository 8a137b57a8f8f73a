"""Answers to single images -> results/: one HIT that holds every image shown, one assignment a worker."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpse.errors import GlimpseError
from glimpse.people import pseudonym
from glimpse.questions import GENERATED, REAL, SINGLE_QUESTION, Question
from glimpse.submission import assignment_line
from glimpse.trials import Trial, trials_csv

from .batch_results import Imported
from .imported_design import stimulus_id
from .voted_study import BATCH, HIT, table_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .single_votes import SingleVote, SingleVotes

ASKED = "Is the image real or generated? (The file does not state the question.)"


class JudgedImage(NamedTuple):
    """An image as it was judged; again: how often its worker had judged it before."""

    condition: str
    item: str
    exposure_ms: float | None
    again: int


def single_study_of(found: SingleVotes, *, real: str | None = None, title: str = "") -> Imported:
    """Lay out a results folder.

    real: the condition of real images; None: "real". GlimpseError for a condition that is not there, a table
    of one kind of images only, exposures in some rows only, and words beside numbers.
    """
    real = _checked_real(found.votes, real)
    _check_alike(found.votes)
    question = _question(found.votes)
    before: Counter[tuple[str, JudgedImage]] = Counter()
    answered: list[tuple[SingleVote, JudgedImage]] = []
    for vote in found.votes:
        shown = JudgedImage(vote.condition, vote.item, vote.exposure_ms, 0)
        answered.append((vote, shown._replace(again=before[vote.worker, shown])))
        before[vote.worker, shown] += 1
    images = list(dict.fromkeys(shown for _, shown in answered))
    trials = [_trial(shown, number, len(images)) for number, shown in enumerate(images, 1)]
    plan = trials_csv(trials)
    document = _document(plan, trials, question, real, title)
    imported = Imported(
        json.dumps(document, indent=1) + "\n", plan, problems=list(found.problems),
        facts=_facts(document, answered, found),
    )  # fmt: skip
    names = {shown: trial.trial for shown, trial in zip(images, trials, strict=True)}
    _add_lines(imported, answered, names, question, str(document["secret"]))
    return imported


def _checked_real(votes: Sequence[SingleVote], real: str | None) -> str:
    conditions = sorted({vote.condition for vote in votes})
    chosen = REAL if real is None else real
    listed = ", ".join(conditions)
    if chosen not in conditions:
        raise GlimpseError(
            f"no condition {chosen!r} in the files; say which holds real images: --real with one of {listed}."
        )
    if len(conditions) < 2:
        raise GlimpseError(f"all images are of {listed}; real and generated ones are needed to compare.")
    return chosen


def _check_alike(votes: Sequence[SingleVote]) -> None:
    """Refuse exposures in some rows only, and words beside numbers."""
    without = next((vote for vote in votes if vote.exposure_ms is None), None)
    if without and any(vote.exposure_ms is not None for vote in votes):
        raise GlimpseError(
            f"{without.where}: no exposure, which other rows have; fill it in, or leave it out."
        )
    word = next((vote for vote in votes if not vote.rated), None)
    if word and any(vote.rated for vote in votes):
        raise GlimpseError(f"{word.where}: the answer is a word, and numbers in other rows; write all alike.")


def _question(votes: Sequence[SingleVote]) -> Question:
    """What was asked: with confidence where somebody was more or less sure."""
    most = max(abs(vote.value) for vote in votes)
    kind = {1: SINGLE_QUESTION.answer, 2: "confidence-4"}.get(most, "confidence-6")
    return replace(SINGLE_QUESTION, text=ASKED, answer=kind)


def _trial(shown: JudgedImage, number: int, of: int) -> Trial:
    name = f"{HIT}-t{number:0{max(3, len(str(of)))}d}"
    stimulus = stimulus_id(f"{shown.condition}/{shown.item}")
    image = (shown.condition, shown.item, stimulus)
    return Trial(BATCH, HIT, 0, name, shown.condition, shown.exposure_ms, False, None, *image, "", "", "")


def _document(
    plan: str, trials: Sequence[Trial], question: Question, real: str, title: str
) -> dict[str, Any]:
    """study.json: what the table says, and nothing else."""
    generated = sorted({trial.condition_left for trial in trials} - {real})
    experiment = {
        "mode": "unlimited-time" if trials[0].exposure_ms is None else "limited-time",
        "task": "single",
        "real": real,
        "shown": [*generated, real],
        "questions": [question.to_json()],
    }
    said = "Imported from a table of answers to single images."
    return table_document(plan, len(trials), experiment, title or "Imported answers", said)


def _facts(
    document: dict[str, Any], answered: Sequence[tuple[SingleVote, JudgedImage]], found: SingleVotes
) -> dict[str, Any]:
    """What a person wants to check."""
    experiment = document["experiment"]
    again = sum(shown.again > 0 for _, shown in answered)
    return {
        "mode": experiment["mode"],
        "answers": len(answered),
        "images judged again by their worker": again,
        "real": experiment["real"],
        "generated": experiment["shown"][:-1],
        "answer": experiment["questions"][0]["answer"],
        "columns": list(found.columns),
        **({"not read": list(found.unread)} if found.unread else {}),
    }


def _add_lines(
    imported: Imported,
    answered: Sequence[tuple[SingleVote, JudgedImage]],
    names: dict[JudgedImage, str],
    question: Question,
    secret: str,
) -> None:
    """Add the assignments, one a worker, and who is who."""
    of_worker: dict[str, list[tuple[SingleVote, JudgedImage]]] = defaultdict(list)
    for vote, shown in answered:
        of_worker[vote.worker].append((vote, shown))
    scale = question.kind.scale
    for number, (worker, own) in enumerate(of_worker.items(), 1):
        records = [
            {
                "trial": names[shown],
                "choices": {question.name: vote.value if scale else REAL if vote.value < 0 else GENERATED},
                "response_ms": {question.name: vote.response_ms},
            }
            for vote, shown in own
        ]
        latest = max((vote.time for vote, _ in own if vote.time), default=None)
        name = pseudonym(secret, worker)
        imported.workers[name] = worker
        imported.lines.append(
            assignment_line(
                f"a{number:05d}", HIT, "", name, status="Submitted", times=(None, latest),
                body={"simulated": False, "page": {}, "answers": records},
            )
        )  # fmt: skip
