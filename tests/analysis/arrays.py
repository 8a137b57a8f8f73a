"""The estimators on answers that stand in memory, as tests have them."""

import numpy as np
import pandas as pd

from glimpse.analysis.statistics.bradley_terry import strengths_of
from glimpse.analysis.statistics.choices import CLUSTERS
from glimpse.analysis.statistics.gathering import gather
from glimpse.analysis.statistics.grouping import analysed, tally_of
from glimpse.analysis.statistics.preference import rates_of
from glimpse.analysis.statistics.terms import Groups


def judgments_of(chose_a, worker, image_a, image_b=None, cell=None):
    """A table of answers (N,), each cell a contrast of its own; image_b: None for the item of `image_a`."""
    n = len(chose_a)
    cell = np.zeros(n, dtype=int) if cell is None else np.asarray(cell)
    return pd.DataFrame({
        "worker": worker, "contrast": pd.Series(cell).map("a{0:04d}:b{0:04d}".format), "exposure_ms": np.nan,
        "item_a": image_a, "item_b": image_a if image_b is None else image_b,
        "chose_a": np.asarray(chose_a, dtype=bool), "side_of_a": "left", "sentinel": False, "excluded": False,
        "reason": "",
    })  # fmt: skip


def cell_variances(chose_a, worker, image_a, image_b=None, cell=None, cluster="images"):
    """`Cells` of answers (N,), by cell."""
    return rates_of(analysed(judgments_of(chose_a, worker, image_a, image_b, cell), cluster=cluster))


def tally_by_answer(frame, cell=None, cluster="images"):
    """Judgments with workers together, each in a group of its own; cell: of each."""
    gathered, every = gather(frame), np.arange(len(frame))
    groups = Groups(gathered.cells, np.zeros(len(frame), dtype=int) if cell is None else cell)
    return tally_of(gathered, every, every, groups, CLUSTERS[cluster])


def score_covariances(scores, worker, image_a, image_b=None, cluster="images"):
    """`Covariances` of the sum of scores (N, d), in one cell."""
    frame = judgments_of(np.zeros(len(scores)), worker, image_a, image_b).sort_values("worker", kind="stable")
    tally = tally_by_answer(frame.reset_index(drop=True), cluster=cluster)
    return tally.covariances(np.asarray(scores, dtype=float)[frame.index], "cell", 0)


def bradley_terry(left, right, chose_left, names, *, firth=None):
    """As `strengths_of`, of N comparisons: codes of the conditions, and whether left was chosen."""
    K = len(names)
    order = np.asarray(left, dtype=np.int64) * K + right
    n, k = (np.bincount(order, weights=weights, minlength=K * K) for weights in (None, chose_left))
    return strengths_of(n.astype(float), k, names, firth=firth)
