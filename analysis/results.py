"""results/ -> judgments: one row an answered trial, joined with its design, from one folder or several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from analysis.plan import SHARED, Plan, Problem, read_plan
from analysis.submissions import Answers, read_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["JUDGMENT_COLUMNS", "Problem", "Results", "read_results"]

JUDGMENT_COLUMNS = (
    "assignment", "worker", "hit", "trial", "pair", "contrast", "condition_a", "condition_b",
    "item_a", "item_b", "exposure_ms", "shown_ms", "side_of_a", "chosen_side", "chose_a", "response_ms",
    "sentinel", "correct", "excluded", "reason", "source",
)  # fmt: skip
DEFAULT_MAX_WRONG = {"limited-time": 0, "unlimited-time": 1}


@dataclass(frozen=True)
class Results:
    """What was collected, joined with its design.

    judgments: JUDGMENT_COLUMNS, one row an answered trial (practice left out); text columns are categorical,
        `exposure_ms` is NaN for unlimited time, `shown_ms` and `response_ms` are NaN where nothing was
        recorded, `correct` is <NA> where no side is correct; `excluded` is False and `reason` empty until
        `exclusion.exclude`.
    assignments: one row an assignment: assignment, hit, worker, status, accepted_at, submitted_at, simulated,
        user_agent, viewport_width, viewport_height, device_pixel_ratio, refresh_hz, focus_losses, n_answered,
        n_repeated, n_trials (what its HIT holds), batch, study, source.
    trials: the designs' trials, `plan.Plan.trials` with study and source.
    studies: the study.json of each study by its id.
    problems: what was left out or repaired, by file and line.
    """

    sources: tuple[str, ...]
    studies: dict[str, dict[str, Any]]
    judgments: pd.DataFrame
    assignments: pd.DataFrame
    trials: pd.DataFrame
    problems: tuple[Problem, ...]

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
    def simulated(self) -> bool:
        """Whether any assignment was simulated."""
        return bool(self.assignments["simulated"].any())

    @property
    def max_wrong_sentinels(self) -> int:
        """The study's own rule: an assignment is excluded when it has more wrong sentinels than this."""
        return self.max_wrong_of(next(iter(self.studies)))

    def max_wrong_of(self, study: str) -> int:
        """The rule of one of several studies, by its id."""
        experiment = self.studies[study]["experiment"]
        stated = experiment.get("max_wrong_sentinels")
        return DEFAULT_MAX_WRONG[str(experiment["mode"])] if stated is None else int(stated)


def read_results(
    folders: str | Path | Sequence[str | Path],
    *,
    track: Callable[..., Iterable[Any]] = lambda items, label, total=None: items,  # noqa: ARG005
) -> Results:
    """Read one results folder or several; partial ones too.

    Trials and HITs of several studies get the study's id before their name ("study/t0001"), so that none
    collide; workers keep theirs: equal pseudonyms are the same person. An assignment that occurs in several
    folders counts once. AnalysisError when nothing can be analysed: no folder, no file, no usable answer, or
    studies of different modes.
    """
    paths = [Path(folders)] if isinstance(folders, str | Path) else [Path(folder) for folder in folders]
    if not paths:
        raise AnalysisError("no results folder was named; give at least one, such as results/.")
    plans = [_plan(path) for path in paths]
    studies = {plan.study_id: plan.study for plan in plans}
    _same_mode(plans, paths)
    sources = _names(paths)
    seen: dict[str, str] = {}
    answers = [
        read_answers(path / "assignments.jsonl", plan, seen)
        for path, plan in track(list(zip(paths, plans, strict=True)), "Reading results")
    ]
    problems = tuple(problem for plan, found in zip(plans, answers, strict=True)
                     for problem in (*plan.problems, *found.problems))  # fmt: skip
    if not any(len(found.trial) for found in answers):
        raise AnalysisError(_nothing(paths, problems))
    orientation: dict[frozenset[str], str] = {}
    trials = [
        _label(plan, source, len(studies) > 1, orientation)
        for plan, source in zip(plans, sources, strict=True)
    ]
    assignments = [_assignments(found, plan, source, len(studies) > 1)
                   for found, plan, source in zip(answers, plans, sources, strict=True)]  # fmt: skip
    shown = pd.concat(trials, ignore_index=True)
    shown = shown.astype(dict.fromkeys([*SHARED, "study", "source"], "category"))
    done = pd.concat(assignments, ignore_index=True)
    starts = np.cumsum([0, *map(len, trials)]).tolist()
    return Results(sources, studies, _join(answers, done, shown, starts), done, shown, problems)


def _plan(path: Path) -> Plan:
    """Read a folder's design, after saying what a results folder is when this is none."""
    if not path.is_dir():
        raise AnalysisError(
            f"{path} is not a folder. Name the results folder that collect or simulate wrote."
        )
    missing = [
        name for name in ("study.json", "trials.csv", "assignments.jsonl") if not (path / name).is_file()
    ]
    if missing:
        raise AnalysisError(
            f"{path} has no {' and no '.join(missing)}: not a results folder, or nothing was collected yet. "
            "Run collect, simulate or import-results first."
        )
    return read_plan(path)


def _same_mode(plans: list[Plan], paths: list[Path]) -> None:
    modes = {plan.study["experiment"]["mode"]: path for plan, path in zip(plans, paths, strict=True)}
    if len(modes) > 1:
        found = ", ".join(f"{path} is {mode}" for mode, path in modes.items())
        raise AnalysisError(f"studies of different modes cannot be pooled: {found}. Analyse them one by one.")


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


def _label(plan: Plan, source: str, several: bool, orientation: dict[frozenset[str], str]) -> pd.DataFrame:
    """A plan's trials with study and source; contrasts in the order of the first study with them."""
    trials = plan.trials.assign(study=plan.study_id, source=source)
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
            trials[name] = plan.study_id + "/" + trials[name].astype(str)
    return trials


def _assignments(found: Answers, plan: Plan, source: str, several: bool) -> pd.DataFrame:
    """One file's assignments with what the design says about their HITs."""
    genuine = plan.trials[~plan.trials["practice"]]
    hits = genuine.astype({"hit": str, "batch": str}).groupby("hit")
    size, batch = hits.size(), hits["batch"].first()
    table = found.assignments
    table = table.assign(
        n_trials=table["hit"].map(size).fillna(0).astype(int),
        batch=table["hit"].map(batch).fillna("").astype(str),
        study=plan.study_id,
        source=source,
    )
    return table.assign(hit=plan.study_id + "/" + table["hit"]) if several else table


def _join(
    answers: list[Answers], assignment: pd.DataFrame, trial: pd.DataFrame, starts: list[int]
) -> pd.DataFrame:
    """Answers x trials x assignments -> judgments, by integer codes: linear in the number of answers.

    assignment, trial: of all folders, one after another; starts: the first row of each folder's trials.
    """
    a_shift = np.cumsum([0, *(len(a.assignments) for a in answers)])
    a_row = _one([a.assignment + np.int32(n) for a, n in zip(answers, a_shift, strict=False)])
    t_row = _one([a.trial + np.int32(n) for a, n in zip(answers, starts, strict=False)])
    left = _one([a.left for a in answers])
    a_is_left = (trial["side_of_a"] == "left").to_numpy()[t_row]
    side = trial["correct_side"].astype(str).map({"left": 1, "right": 0, "": -1}).to_numpy(np.int8)[t_row]
    columns: dict[str, Any] = {"assignment": _codes(assignment["assignment"], a_row)}
    columns |= {name: _codes(assignment[name], a_row) for name in ("worker", "hit")}
    columns |= {
        name: _codes(trial[name], t_row)
        for name in ("trial", "pair", "contrast", "condition_a", "condition_b", "item_a", "item_b")
    }
    columns["exposure_ms"] = trial["exposure_ms"].to_numpy(float)[t_row]
    columns["shown_ms"] = _one([a.shown_ms for a in answers])
    columns["side_of_a"] = _sides(a_is_left)
    columns["chosen_side"] = _sides(left)
    columns["chose_a"] = left == a_is_left
    columns["response_ms"] = _one([a.response_ms for a in answers])
    columns["sentinel"] = trial["sentinel"].to_numpy(bool)[t_row]
    columns["correct"] = pd.arrays.BooleanArray(side == left, side < 0)
    columns["excluded"] = np.zeros(len(t_row), dtype=bool)
    columns["reason"] = pd.Categorical.from_codes(np.zeros(len(t_row), dtype=np.int8), pd.Index([""]))
    columns["source"] = _codes(assignment["source"], a_row)
    return pd.DataFrame({name: columns[name] for name in JUDGMENT_COLUMNS}, copy=False)


def _one(columns: list[Any]) -> Any:
    """One array of several, without a copy where there is one."""
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def _codes(column: pd.Series, rows: np.ndarray) -> pd.Categorical[Any]:
    """Spread a short text column over the rows as a categorical."""
    short = pd.Categorical(column)
    return pd.Categorical.from_codes(np.asarray(short.codes)[rows], pd.Index(short.categories))


def _sides(left: np.ndarray) -> pd.Categorical[Any]:
    return pd.Categorical.from_codes(np.where(left, 0, 1).astype(np.int8), pd.Index(["left", "right"]))
