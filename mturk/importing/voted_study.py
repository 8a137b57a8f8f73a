"""Votes -> results/: one HIT that holds every pair that was judged, one assignment a worker.

A table of votes says who compared what and chose which. It does not say how trials were dealt, what else was
to be answered, who saw sentinels or what was paid; so the study has no such fields, and where it is not known
which image stood left, it says that `sides` are unknown, and condition A stands left in its trials.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpse.errors import GlimpseError
from glimpse.people import pseudonym
from glimpse.questions import LEFT, RIGHT, TIE, Question, check_questions, is_plain
from glimpse.stated import SIDES_UNKNOWN, TABLE
from glimpse.study import SCHEMA_VERSION, digest
from glimpse.submission import assignment_line
from glimpse.trials import OTHER_SIDE, Trial, trials_csv

from .batch_results import Imported
from .imported_design import stimulus_id
from .votes import A, B

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .votes import Vote, Votes

BATCH, HIT = "b1", "b1-h01"
UNNAMED = Question("preference", "Which was preferred? (The file does not state the question.)")
LONGEST = 40


class JudgedPair(NamedTuple):
    """A pair as it was judged: conditions and items of the left and the right image, if that is known; else
    of conditions A and B. again: how often its worker had judged it before."""

    left: tuple[str, str]
    right: tuple[str, str]
    exposure_ms: float | None
    again: int


@dataclass(frozen=True)
class _PairAnswers:
    """What a worker answered of one pair: by question, the vote and the side that it chose."""

    worker: str
    shown: JudgedPair
    choices: dict[str, tuple[Vote, str]]


def study_of(found: Votes, *, real: str | None = None, title: str = "", only: str | None = None) -> Imported:
    """Lay out a results folder.

    real: the condition of real images, if there is one. only: of several questions, the one that is taken.
    GlimpseError for a condition or question that is not there, exposures in some rows only, and trials that
    lack an answer to one of several questions.
    """
    votes = _asked(found.votes, only)
    renamed, notes = _conditions(votes, real)
    votes = [vote._replace(a=renamed[vote.a], b=renamed[vote.b]) for vote in votes]
    real = real and renamed[real]
    _check_exposures(votes)
    questions = _questions(votes)
    answered = _together(votes, real, sided=found.sided)
    _check_complete(answered, questions)
    trials = {shown: number for number, shown in enumerate(dict.fromkeys(one.shown for one in answered), 1)}
    table = [_trial(shown, number, len(trials), real) for shown, number in trials.items()]
    plan = trials_csv(table)
    document = _document(plan, table, list(questions.values()), real, title, sided=found.sided)
    imported = Imported(
        json.dumps(document, indent=1) + "\n", plan, problems=[*found.problems, *notes],
        facts={**_facts(document, answered, votes), **_columns(found)},
    )  # fmt: skip
    names = {shown: trial.trial for shown, trial in zip(trials, table, strict=True)}
    _add_lines(imported, answered, names, questions, str(document["secret"]))
    return imported


def _asked(votes: Sequence[Vote], only: str | None) -> list[Vote]:
    """The votes on one question, or on all."""
    if only is None:
        return list(votes)
    names = list(dict.fromkeys(vote.question for vote in votes))
    if only not in names:
        listed = ", ".join(names) if any(names) else "no names of questions"
        raise GlimpseError(f"--only {only!r}: the files have {listed}.")
    return [vote for vote in votes if vote.question == only]


def _conditions(votes: Sequence[Vote], real: str | None) -> tuple[dict[str, str], list[str]]:
    """The name of each condition in the study, which has no colon, and what there is to be said of it."""
    names = sorted({name for vote in votes for name in (vote.a, vote.b)})
    if real is not None and real not in names:
        raise GlimpseError(f"no condition {real!r} in the files; say --real with one of {', '.join(names)}.")
    renamed = {name: re.sub(r"\s+", " ", name.replace(":", "-")) for name in names}
    if len(set(renamed.values())) < len(names):
        twice = next(name for name, count in Counter(renamed.values()).items() if count > 1)
        raise GlimpseError(
            f"two conditions would be named {twice!r}, as no name may have a colon; rename one."
        )
    return renamed, [f"condition {old!r} is called {new!r}" for old, new in renamed.items() if old != new]


def _check_exposures(votes: Sequence[Vote]) -> None:
    without = next((vote for vote in votes if vote.exposure_ms is None), None)
    if without and any(vote.exposure_ms is not None for vote in votes):
        raise GlimpseError(
            f"{without.where}: no exposure, which other rows have; fill it in, or leave it out."
        )


def _questions(votes: Sequence[Vote]) -> dict[str, Question]:
    """What was asked, by how the table calls it; ties are answers where somebody gave one."""
    found = {}
    for name in dict.fromkeys(vote.question for vote in votes):
        tied = any(vote.chosen not in (A, B) for vote in votes if vote.question == name)
        plain = re.sub(r"[^\w-]+", "-", name).strip("-")[:LONGEST]
        short, text = (plain or "question", name) if name else (UNNAMED.name, UNNAMED.text)
        found[name] = Question(short, text, "choice-or-tie" if tied else "choice")
    check_questions(list(found.values()))
    return found


def _together(votes: Sequence[Vote], real: str | None, *, sided: bool) -> list[_PairAnswers]:
    """Votes of one worker on one pair under different questions are answers to one trial."""
    before: Counter[tuple[str, str, JudgedPair]] = Counter()
    found: dict[tuple[str, JudgedPair], _PairAnswers] = {}
    for vote in votes:
        first, second = (vote.a, vote.item_a), (vote.b, vote.item_b)
        turned = not sided and _contrast(vote.a, vote.b, real) != (vote.a, vote.b)
        shown = JudgedPair(*((second, first) if turned else (first, second)), vote.exposure_ms, 0)
        side = TIE if vote.chosen not in (A, B) else LEFT if vote.chosen == A else RIGHT
        side = OTHER_SIDE[side] if turned and side != TIE else side
        key = (vote.worker, vote.question, shown)
        shown = shown._replace(again=before[key])
        before[key] += 1
        own = found.setdefault((vote.worker, shown), _PairAnswers(vote.worker, shown, {}))
        own.choices[vote.question] = (vote, side)
    return list(found.values())


def _check_complete(answered: Sequence[_PairAnswers], questions: Mapping[str, Question]) -> None:
    for one in answered:
        lacking = [name for name in questions if name not in one.choices]
        if lacking:
            vote, _ = next(iter(one.choices.values()))
            raise GlimpseError(
                f"{vote.where}: worker {one.worker!r} answered {', '.join(map(repr, one.choices))} of this "
                f"pair, and not {', '.join(map(repr, lacking))}. A trial needs an answer to every question; "
                f"import one question at a time: --only {vote.question!r}."
            )


def _contrast(one: str, other: str, real: str | None) -> tuple[str, str]:
    """Two conditions as a contrast has them: by name, the real one last."""
    a, b = sorted((one, other))
    return (b, a) if a == real else (a, b)


def _trial(shown: JudgedPair, number: int, of: int, real: str | None) -> Trial:
    left, right = ((*side, stimulus_id("/".join(side))) for side in (shown.left, shown.right))
    contrast = ":".join(_contrast(shown.left[0], shown.right[0], real))
    name = f"{HIT}-t{number:0{max(3, len(str(of)))}d}"
    return Trial(BATCH, HIT, 0, name, contrast, shown.exposure_ms, False, None, *left, *right)


def _document(
    plan: str,
    trials: Sequence[Trial],
    questions: Sequence[Question],
    real: str | None,
    title: str,
    *,
    sided: bool,
) -> dict[str, Any]:
    """study.json: what the table says, and nothing else."""
    contrasts = [name.split(":") for name in sorted({trial.contrast for trial in trials})]
    experiment: dict[str, Any] = {
        "mode": "unlimited-time" if trials[0].exposure_ms is None else "limited-time",
        "contrasts": contrasts,
        "questions": [question.to_json() for question in questions],
    }
    experiment |= {"real": real} if real else {}
    experiment |= {} if sided else {"sides": SIDES_UNKNOWN}
    return table_document(
        plan, len(trials), experiment, title or "Imported votes", "Imported from a table of votes."
    )


def table_document(
    plan: str, trials: int, experiment: Mapping[str, Any], title: str, description: str
) -> dict[str, Any]:
    """study.json of a study that a table tells of: one HIT of so many trials, its ids from `plan`."""
    key = digest(TABLE + plan)
    return {
        "schema_version": SCHEMA_VERSION,
        "study": re.sub(r"[^a-z0-9]", "", key)[:16],
        "title": title,
        "description": description,
        "imported_from": TABLE,
        "experiment": experiment,
        "secret": digest(key + "workers"),
        "hits": [{"hit": HIT, "batch": BATCH, "trials": trials}],
        "plan_sha256": digest(plan),
    }


def _facts(
    document: Mapping[str, Any], answered: Sequence[_PairAnswers], votes: Sequence[Vote]
) -> dict[str, Any]:
    """What a person wants to check."""
    experiment = document["experiment"]
    names = dict.fromkeys(name for pair in experiment["contrasts"] for name in pair)
    again = sum(one.shown.again > 0 for one in answered)
    return {
        "mode": experiment["mode"],
        "votes": len(votes),
        "pairs judged again by their worker": again,
        "conditions": list(names),
        "questions": [f"{one['name']} ({one['answer']})" for one in experiment["questions"]],
        "sides": "not known" if "sides" in experiment else "known",
    }


def _columns(found: Votes) -> dict[str, Any]:
    """What was read as what: names of columns are guessed, so a person should look."""
    return {"columns": list(found.columns), **({"not read": list(found.unread)} if found.unread else {})}


def _add_lines(
    imported: Imported,
    answered: Iterable[_PairAnswers],
    names: Mapping[JudgedPair, str],
    questions: Mapping[str, Question],
    secret: str,
) -> None:
    """Add the assignments, one a worker, and who is who."""
    of_worker: dict[str, list[_PairAnswers]] = defaultdict(list)
    for one in answered:
        of_worker[one.worker].append(one)
    plain = is_plain(list(questions.values()))
    for number, (worker, own) in enumerate(of_worker.items(), 1):
        records: list[dict[str, Any]] = []
        for one in own:
            took = {questions[name].name: vote.response_ms for name, (vote, _) in one.choices.items()}
            chosen = {questions[name].name: side for name, (_, side) in one.choices.items()}
            (side, *_), (ms, *_) = chosen.values(), took.values()
            answer = {"side": side, "response_ms": ms} if plain else {"choices": chosen, "response_ms": took}
            records.append({"trial": names[one.shown], **answer})
        times = [vote.time for one in own for vote, _ in one.choices.values() if vote.time]
        name = pseudonym(secret, worker)
        imported.workers[name] = worker
        imported.lines.append(
            assignment_line(
                f"a{number:05d}", HIT, "", name, status="Submitted", times=(None, max(times, default=None)),
                body={"simulated": False, "page": {}, "answers": records},
            )
        )  # fmt: skip
