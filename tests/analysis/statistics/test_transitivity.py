"""The test of transitivity where few images recur: their effects cancel in it, so little else is seen."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks._claims import null_truth, ranking_claims
from benchmarks._drawing import UNLIMITED
from benchmarks.coverage import studies
from glimpse.analysis.statistics.choices import CLUSTERS, STANDARD
from glimpse.analysis.statistics.grouping import Analysed

EIGHT = replace(UNLIMITED, images=8)


def drawn(seed, count):
    return studies(EIGHT, null_truth((0.0,)), count, np.random.default_rng(seed))


def test_it_does_not_reject_what_eight_images_make_look_uneven():
    """Of true transitivity it rejected 35 % with 8 images a condition and 64 pairs of them a contrast."""
    rejected = []
    for study, truth in drawn(3, 60):
        gathered = study.gathered()
        rejected += ranking_claims(Analysed(gathered, gathered.analysed(), STANDARD), truth)["transitive ?"]
    assert len(rejected) == 60
    assert np.mean(rejected) <= 0.1


@pytest.mark.parametrize("cluster", ["images", "two-way"])
def test_centring_is_the_variance_by_images_of_a_cell_over_their_number(cluster):
    ((study, _),) = drawn(4, 1)
    gathered = study.gathered()
    tally = Analysed(gathered, gathered.analysed(), CLUSTERS[cluster]).by_side
    scores = np.random.default_rng(0).normal(0, 1, (len(tally.cell), 2))
    table, expected = study.table(), np.zeros((2, 2))
    a_left, left = (table[name] == "left" for name in ("side_of_a", "chosen_side"))
    cell = np.searchsorted(sorted(study.names), table["contrast"].astype(str))
    table[["x", "y"]] = scores[4 * cell + 2 * a_left + left]
    if cluster == "images":
        for images, sign in ((["item_a"], 1), (["item_b"], 1), (["item_a", "item_b"], -1)):
            sums = table.groupby(["contrast", *images], observed=True)[["x", "y"]].sum()
            for _, of in sums.groupby("contrast", observed=True):
                expected += sign * of.to_numpy().T @ of.to_numpy() / len(of)
    assert tally.centring(scores) == pytest.approx(expected)
