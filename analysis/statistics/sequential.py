"""Intervals that hold at every look, and how a study's rule for stopping stands.

The intervals are of the rate over the images that were shown. `glimpse.betting` says how they are made, what
they assume, and why HITs go by rounds.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glimpse.errors import NothingLeftError
from glimpse.stated import stop_rule
from glimpse.stopping import Observed, cell_state, in_rounds, submission_order

from .columns import ANYTIME_COLUMNS
from .gathering import CELL_KEYS, design_cells, gather, place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpse.stopping import Rounds

    from ..reading.exclusion import Exclusion
    from .gathering import Gathered

STATE_COLUMNS = (
    "study", "rule", "level", "contrast", "condition_a", "condition_b", "exposure_ms", "low", "high",
    "rounds", "hits", "workers", "met_after", "met_at",
)  # fmt: skip


class CellRounds:
    """The rounds of every cell."""

    def __init__(self, exclusion: Exclusion, gathered: Gathered | None = None) -> None:
        """exclusion: what counts. gathered: its judgments; None: they are read."""
        experiment = exclusion.results.experiment
        cells = design_cells(exclusion.results.trials, experiment.get("contrasts") or ())
        self.cells = cells
        self._assignments = exclusion.assignments.reset_index(drop=True)
        trials = exclusion.results.trials
        self._trials = trials[~(trials["sentinel"] | trials["practice"])].drop_duplicates("trial")
        submitted = list(
            zip(self._assignments["submitted_at"].astype(str), self._assignments["assignment"], strict=True)
        )
        self._trial_cell = place(self._trials["contrast"], self._trials["exposure_ms"], cells)
        self._place = submission_order(submitted)
        self._times = [submitted[row][0] for row in np.argsort(self._place)]
        self._worker = pd.factorize(self._assignments["worker"])[0]
        self._row, self._cell, self._mean = self._means(gathered or gather(exclusion.judgments, cells))

    def _means(self, gathered: Gathered) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Each assignment's row, cell and mean choice of condition A."""
        C = len(self.cells)
        try:
            keep = gathered.analysed()
        except NothingLeftError:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
        key = gathered.assignment[keep].astype(np.int64) * C + gathered.shown.cell[gathered.trial[keep]]
        keys, at, n = np.unique(key, return_inverse=True, return_counts=True)
        return keys // C, keys % C, np.bincount(at, weights=gathered.chose_a()[keep]) / n

    def occurring(self, study: str) -> list[int]:
        """The rows of the cells that a study has."""
        return sorted(set(self._trial_cell[self._trials["study"] == study].tolist()))

    def of(self, cell: int, study: str | None = None) -> Rounds:
        """Those of one cell, by its row; of one study, or of all of them."""
        shown = self._trials[self._trial_cell == cell]
        if study is not None:
            shown = shown[shown["study"] == study]
        trials = shown["hit"].astype(str).value_counts().sort_index()
        row, mean = (column[self._cell == cell] for column in (self._row, self._mean))
        hit = trials.index.get_indexer(self._assignments["hit"].astype(str).to_numpy()[row])
        row, mean, hit = (column[hit >= 0] for column in (row, mean, hit))
        observed = Observed(hit, self._worker[row], self._place[row], mean)
        return in_rounds(observed, {str(name): int(n) for name, n in trials.items()}, self._times)


def anytime_table(
    exclusion: Exclusion, level: float = 0.95, gathered: Gathered | None = None
) -> pd.DataFrame:
    """Return the interval of every cell that holds at every look.

    Args:
        exclusion: What counts.
        level: Confidence level.
        gathered: Its judgments; None: they are read.

    Returns:
        One row a cell of the design: CELL_KEYS, ANYTIME_COLUMNS (of the rate at which condition A is chosen,
        in [0, 1]), rounds (whole ones), hits (that show the cell), workers (who count).
    """
    rounds = CellRounds(exclusion, gathered)
    rows = []
    for number in range(len(rounds.cells)):
        found = rounds.of(number)
        rows.append((*found.interval(level), len(found.means), len(found.weights), found.observed))
    columns = [*ANYTIME_COLUMNS, "rounds", "hits", "workers"]
    return rounds.cells[CELL_KEYS].reset_index(drop=True).join(pd.DataFrame(rows, columns=columns))


def stopping_table(exclusion: Exclusion, gathered: Gathered | None = None) -> pd.DataFrame:
    """Return how the studies' rules for stopping stand: STATE_COLUMNS, one row a study and cell of its rule.

    No row where no study states a rule. low, high: the interval at the rule's level, of the study's answers;
    met_after: the rounds after which the rule held at first, <NA> where it does not hold; met_at: when that
    was, in UTC.
    """
    results, rounds = exclusion.results, None
    rows: list[dict[str, object]] = []
    for study, document in results.studies.items():
        rule = stop_rule(document["experiment"])
        if rule is None:
            continue
        rounds = rounds or CellRounds(exclusion, gathered)
        cells = rounds.cells.iloc[rounds.occurring(study)]
        keys = list(zip(cells["contrast"], map(_exposure, cells["exposure_ms"]), strict=True))
        contrasts = [(a, b) for a, _, b in (name.partition(":") for name in cells["contrast"].unique())]
        exposures = list(dict.fromkeys(exposure_ms for _, exposure_ms in keys))
        meant = rule.cells(contrasts, exposures)
        text = rule.text(limited=results.mode == "limited-time")
        for number, (key, row) in enumerate(zip(keys, rounds.occurring(study), strict=True)):
            if (tuple(key[0].split(":")), key[1]) in meant:
                about = {"study": study, "rule": text, "level": rule.level}
                names = cells.iloc[number][["condition_a", "condition_b"]]
                rows.append(asdict(cell_state(key, rounds.of(row, study), rule)) | about | dict(names))
    table = pd.DataFrame(rows, columns=list(STATE_COLUMNS))
    return table.astype({"met_after": "Int64", "exposure_ms": float})


def with_anytime(
    preference: pd.DataFrame, exclusion: Exclusion, gathered: Gathered, level: float
) -> pd.DataFrame:
    """Return preference.csv with ANYTIME_COLUMNS where a study states a rule for stopping; else as it is.

    preference: of the same exclusion, with the rows of the design's cells.
    """
    if not any(stop_rule(document["experiment"]) for document in exclusion.results.studies.values()):
        return preference
    found = anytime_table(exclusion, level, gathered).set_index(CELL_KEYS)[list(ANYTIME_COLUMNS)]
    rows = pd.MultiIndex.from_frame(preference[CELL_KEYS])
    return preference.assign(**found.reindex(rows).reset_index(drop=True))


def _exposure(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
