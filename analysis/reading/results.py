"""results/ -> judgments: one row an answered trial, joined with its design, from one folder or several."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.counting import repeats
from glimpse.errors import GlimpseError
from glimpse.program import program
from glimpse.progress import untracked
from glimpse.questions import DEFAULT_QUESTION, Question
from glimpse.stated import TABLE, allowed_wrong, sides_known

from .answer_file import AnswerFile
from .design import SHARED, Design, Problem, read_design
from .judgments import Judgments
from .submissions import read_answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glimpse.progress import Track

__all__ = ["Problem", "Results", "read_results"]


@dataclass(frozen=True)
class Results:
    """What was collected, joined with its design.

    answers: every answered trial (practice left out).
    assignments: one row an assignment: assignment, hit, worker, status, accepted_at, submitted_at, simulated,
        user_agent, viewport_width, viewport_height, device_pixel_ratio, refresh_hz, focus_losses, n_answered,
        n_repeated, panel (empty where none sent them), n_sentinels, n_wrong, n_measured, n_off, first_answer
        (see `submissions.read_answers`), n_trials (what its HIT holds), batch, study, source.
    trials: the designs' trials, `design.Design.trials` with study and source.
    folders, sources: where they were read, and a short name of each.
    studies: the study.json of each study by its id.
    problems: what was left out or repaired, by file and line.
    questions: what was asked of every trial. judged_by: the name of that to which sentinels' answers are
    known. question: the one whose answers `judgments` has; see `asked`.
    without_words: those of the folders whose lines hold answers and nothing that participants said beside.
    """

    folders: tuple[Path, ...]
    sources: tuple[str, ...]
    studies: dict[str, dict[str, Any]]
    answers: AnswerFile
    assignments: pd.DataFrame
    trials: pd.DataFrame
    problems: tuple[Problem, ...]
    questions: tuple[Question, ...] = (DEFAULT_QUESTION,)
    judged_by: str = DEFAULT_QUESTION.name
    question: Question = DEFAULT_QUESTION
    without_words: frozenset[Path] = frozenset()

    def __repr__(self) -> str:
        answers, people = int(self.assignments["n_answered"].sum()), self.assignments["worker"].nunique()
        genuine = self.trials[~self.trials["sentinel"] & ~self.trials["practice"]]
        single = self.experiment.get("task") == "single"
        shown = genuine["condition_a" if single else "contrast"].nunique()
        what = "condition" if single else "contrast"
        parts = [
            f"{answers:,} answer{'s' * (answers != 1)} of {people:,} worker{'s' * (people != 1)}",
            self.mode,
            f"{shown} {what}{'s' * (shown != 1)}",
        ]
        if self.simulated:
            parts.append("simulated" if self.assignments["simulated"].all() else "partly simulated")
        return f"<Results: {', '.join(parts)}>"

    @cached_property
    def judgments(self) -> Judgments:
        """The answers to `question` joined with their assignments and trials; nothing is excluded yet."""
        names = [one.name for one in self.questions]
        known = self.question.name == self.judged_by
        place = names.index(self.question.name)
        return Judgments.join(
            self.answers, self.assignments, self.trials, self.question, place, sentinels_known=known
        )

    def asked(self, question: str) -> Results:
        """The same with the answers to another question, by name; GlimpseError where none has it."""
        for one in self.questions:
            if one.name == question:
                return replace(self, question=one)
        names = ", ".join(one.name for one in self.questions)
        raise GlimpseError(f"there is no question {question!r} in these results; they have {names}.")

    @cached_property
    def repeated(self) -> NDArray[np.bool_]:
        """Which assignments are not their worker's first in a batch, by time of submission; where none is
        known the order of the file decides."""
        table = self.assignments
        who = zip(table["study"], table["batch"], table["worker"], strict=True)
        later = repeats(zip(who, table["submitted_at"], table["assignment"], strict=True))
        return np.asarray(table["assignment"].isin(later))

    @property
    def study(self) -> dict[str, Any]:
        """The study.json of the first study."""
        return next(iter(self.studies.values()))

    @property
    def experiment(self) -> dict[str, Any]:
        """The experiment of the first study."""
        return dict(self.study["experiment"])

    @property
    def mode(self) -> str:
        """limited-time or unlimited-time; the same in all studies."""
        return str(self.experiment["mode"])

    @property
    def real(self) -> str | None:
        """The condition of real photographs, or None where the study names none."""
        name = self.experiment.get("real")
        return str(name) if name else None

    @property
    def single(self) -> bool:
        """Whether one image at a time was shown; the same in all studies."""
        return self.experiment.get("task") == "single"

    @property
    def moving(self) -> bool:
        """Whether any study has clips."""
        return self.answers.clips

    @property
    def stimulus(self) -> str:
        """What people saw, in a word: "image" or "clip"."""
        return "clip" if self.moving else "image"

    @property
    def sided(self) -> bool:
        """Whether every study knows which condition stood left."""
        return all(sides_known(study["experiment"]) for study in self.studies.values())

    @property
    def simulated(self) -> bool:
        """Whether any assignment was simulated."""
        return bool(self.assignments["simulated"].any())

    @property
    def max_wrong_sentinels(self) -> int:
        """The study's own rule: an assignment is excluded when it has more wrong sentinels than this."""
        return self.max_wrong_of(next(iter(self.studies)))

    def max_wrong_of(self, study: str) -> int:
        """The rule of one of several studies, by its id."""
        return allowed_wrong(self.studies[study]["experiment"])


def read_results(
    folders: str | Path | Sequence[str | Path],
    *,
    track: Track = untracked,
) -> Results:
    """Read one results folder or several; partial ones too.

    Trials and HITs of several studies get the study's id before their name ("study/t0001"), so that none
    collide; workers keep theirs: equal pseudonyms are the same person. An assignment that occurs in several
    folders counts once. GlimpseError when nothing can be analysed: no folder, no file, no usable answer, or
    studies of different modes or questions.
    """
    paths = [Path(folders)] if isinstance(folders, str | Path) else [Path(folder) for folder in folders]
    if not paths:
        raise GlimpseError("no results folder was named; give at least one, such as results/.")
    designs = [_design(path) for path in paths]
    studies = {design.study_id: design.study for design in designs}
    _same_mode(designs, paths)
    _same_task(designs, paths)
    _same_questions(designs, paths)
    sources = _names(paths)
    seen: dict[str, str] = {}
    questions = designs[0].questions
    file = AnswerFile(len(questions), clips=any(design.moving for design in designs))
    starts = np.cumsum([0, *(len(design.trials) for design in designs)]).tolist()
    found = [
        read_answers(path / "assignments.jsonl", design, seen, file, start)
        for path, design, start in track(list(zip(paths, designs, starts, strict=False)), "Reading results")
    ]
    problems = tuple(
        problem
        for design, one in zip(designs, found, strict=True)
        for problem in (*design.problems, *one.problems)
    )
    if not file.size:
        raise GlimpseError(_nothing(paths, problems))
    several = len(studies) > 1
    orientation: dict[frozenset[str], str] = {}
    trials = [
        _label(design, source, several, orientation) for design, source in zip(designs, sources, strict=True)
    ]
    assignments = [
        _assignments(one.assignments, design, source, several)
        for one, design, source in zip(found, designs, sources, strict=True)
        if len(one.assignments)
    ]
    shown = pd.concat(trials, ignore_index=True)
    shown = shown.astype(dict.fromkeys([*SHARED, "study", "source"], "category"))
    done = pd.concat(assignments, ignore_index=True)
    return Results(
        tuple(paths), sources, studies, file, done, shown, problems, questions,
        designs[0].judged_by.name, questions[0],
        frozenset(path for path, one in zip(paths, found, strict=True) if not one.says_more),
    )  # fmt: skip


def _design(path: Path) -> Design:
    """Read a folder's design, after saying what a results folder is when this is none."""
    if not path.exists():
        raise GlimpseError(
            f"{path} does not exist: there are no answers yet. `{program()} collect` fetches "
            f"people's; `{program()} simulate` lets simulated people answer, marked so everywhere."
        )
    if not path.is_dir():
        raise GlimpseError(f"{path} is not a folder. Name the results folder that collect or simulate wrote.")
    missing = [
        name for name in ("study.json", "trials.csv", "assignments.jsonl") if not (path / name).is_file()
    ]
    if missing:
        raise GlimpseError(
            f"{path} has no {' and no '.join(missing)}: not a results folder, or nothing was collected yet. "
            "Run collect, simulate or import-results first."
        )
    return read_design(path)


def _same_mode(designs: list[Design], paths: list[Path]) -> None:
    modes = {design.study["experiment"]["mode"]: path for design, path in zip(designs, paths, strict=True)}
    if len(modes) > 1:
        found = ", ".join(f"{path} is {mode}" for mode, path in modes.items())
        raise GlimpseError(f"studies of different modes cannot be pooled: {found}. Analyse them one by one.")


def _same_task(designs: list[Design], paths: list[Path]) -> None:
    shown = [design.study["experiment"].get("task", "pairs") for design in designs]
    tasks = dict(zip(shown, paths, strict=True))
    if len(tasks) > 1:
        found = ", ".join(f"{path} shows {task}" for task, path in tasks.items())
        raise GlimpseError(
            f"pairs and one image at a time (single) cannot be pooled: {found}. Analyse them one by one."
        )


def _same_questions(designs: list[Design], paths: list[Path]) -> None:
    """Refuse studies whose answers mean different things; the words of a single question may differ."""
    asked = [
        [(one.name if len(design.questions) > 1 else "", one.answer) for one in design.questions]
        for design in designs
    ]
    for path, found in zip(paths, asked, strict=True):
        if found != asked[0]:
            listed = "; ".join(
                f"{where} has " + ", ".join(f"{one.name} ({one.answer})" for one in design.questions)
                for where, design in ((paths[0], designs[0]), (path, designs[paths.index(path)]))
            )
            raise GlimpseError(
                f"studies that ask different questions cannot be pooled: {listed}. Analyse them one by one."
            )


def _names(paths: list[Path]) -> tuple[str, ...]:
    """A short distinct name for each folder: its last part, or the whole path where those are equal."""
    short = [path.resolve().name for path in paths]
    return tuple(
        name if short.count(name) == 1 else str(path) for name, path in zip(short, paths, strict=True)
    )


def _nothing(paths: list[Path], problems: tuple[Problem, ...]) -> str:
    where = ", ".join(str(path / "assignments.jsonl") for path in paths)
    if not problems:
        return f"{where}: no answers yet. Run collect again when assignments were submitted."
    listed = "; ".join(str(problem) for problem in problems[:3])
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return f"{where}: no answer can be used. {listed}{more}."


def _label(
    design: Design, source: str, several: bool, orientation: dict[frozenset[str], str]
) -> pd.DataFrame:
    """A design's trials with study and source; contrasts in the order of the first study with them."""
    trials = design.trials.assign(study=design.study_id, source=source)
    for contrast in trials["contrast"].unique():
        orientation.setdefault(frozenset(contrast.split(":")), contrast)
    first = trials["contrast"].astype(str).map(lambda name: orientation[frozenset(name.split(":"))])
    turned = first != trials["contrast"].astype(str)
    if turned.any():
        trials = trials.astype(dict.fromkeys(SHARED, str))
        for a, b in (("condition_a", "condition_b"), ("item_a", "item_b")):
            trials.loc[turned, [a, b]] = trials.loc[turned, [b, a]].to_numpy()
        trials.loc[turned, "side_of_a"] = trials.loc[turned, "side_of_a"].map(
            {"left": "right", "right": "left"}
        )
        trials["contrast"] = first
    if several:
        for name in ("trial", "hit"):
            trials[name] = design.study_id + "/" + trials[name].astype(str)
    return trials


def _assignments(table: pd.DataFrame, design: Design, source: str, several: bool) -> pd.DataFrame:
    """One file's assignments with what the design says about their HITs."""
    genuine = design.trials[~design.trials["practice"]]
    hits = genuine.astype({"hit": str, "batch": str}).groupby("hit")
    size, batch = hits.size(), hits["batch"].first()
    # A table of votes does not say what else its workers were to answer.
    planned = table["n_answered"] if design.study.get("imported_from") == TABLE else table["hit"].map(size)
    table = table.assign(
        n_trials=planned.fillna(0).astype(int),
        batch=table["hit"].map(batch).fillna("").astype(str),
        study=design.study_id,
        source=source,
    )
    return table.assign(hit=design.study_id + "/" + table["hit"]) if several else table
