"""Folders set against each other: differences with intervals that stay within what is possible."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.proportion import test_proportions_2indep as score_test

from glimpse.analysis.statistics.columns import DIFFERENCE_COLUMNS, PREFERENCE_COLUMNS
from glimpse.analysis.statistics.comparison import comparison_table
from glimpse.analysis.statistics.preference import wilson


def table(k, n, df=10**9, level=0.95):
    """preference.csv of one cell of independent answers, or of one with clusters where `df` is small."""
    p, size = np.array([k / n]), np.array([float(n)])
    low, high = wilson(p, size, stats.t.ppf((1 + level) / 2, df))
    values = {"rate": p, "low": low, "high": high, "n_effective": size, "df": [df]}
    return pd.DataFrame({name: values.get(name, [np.nan]) for name in PREFERENCE_COLUMNS})


def difference(one, other):
    found = comparison_table({"pilot": one, "main": other})
    assert found["source"].tolist() == ["pilot", "main"]
    assert found.loc[0, list(DIFFERENCE_COLUMNS[1:])].isna().all()
    return found.iloc[1]


@pytest.mark.parametrize(("k", "n", "j", "m"), [(50, 100, 60, 100), (3, 40, 22, 60), (99, 100, 80, 90)])
def test_independent_answers_have_newcombe_s_interval_and_the_score_test(k, n, j, m):
    row = difference(table(k, n), table(j, m))
    expected = confint_proportions_2indep(j, m, k, n, method="newcomb", compare="diff")
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(expected, abs=1e-6)
    test = score_test(j, m, k, n, method="score", compare="diff", correction=False)
    assert row["p_difference"] == pytest.approx(test.pvalue, rel=1e-6)


def test_rates_of_0_and_1_have_a_width_within_what_is_possible():
    for k, j in ((0, 0), (0, 10), (10, 10), (0, 3)):
        row = difference(table(k, 10, df=4), table(j, 10, df=4))
        assert -1 <= row["difference_low"] < row["difference_high"] <= 1
        assert row["difference_low"] <= row["difference"] <= row["difference_high"]
        assert 0 < row["p_difference"] <= 1
    assert difference(table(10, 10), table(10, 10))["p_difference"] == 1


def test_the_order_of_the_folders_turns_the_sign():
    one, two = difference(table(4, 20, 9), table(11, 30, 7)), difference(table(11, 30, 7), table(4, 20, 9))
    assert one["difference"] == -two["difference"]
    assert one["difference_low"] == pytest.approx(-two["difference_high"])
    assert one["p_difference"] == pytest.approx(two["p_difference"])


def test_a_cell_without_answers_has_no_difference_and_a_lone_one_tells_nothing():
    empty = table(4, 20).assign(rate=np.nan, low=np.nan, high=np.nan, n_effective=np.nan, df=np.nan)
    assert difference(table(4, 20), empty)[list(DIFFERENCE_COLUMNS[1:])].isna().all()
    lone = table(4, 20).assign(low=0.0, high=1.0, n_effective=np.nan, df=0)
    row = difference(table(4, 20), lone)
    assert row["difference"] == 0
    assert np.isnan(row["p_difference"])
    assert row["difference_low"] < -0.2
