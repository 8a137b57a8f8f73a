"""Quantiles and tails against scipy.stats, which the package itself does not import."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from glimpse.analysis.statistics.distributions import (
    binomial_cdf,
    coin_quantile,
    coin_test,
    f_tail,
    normal_quantile,
    t_quantile,
    t_test,
)

rng = np.random.default_rng(0)
T, DF = rng.normal(0, 3, 2000), rng.integers(1, 3000, 2000)
N = rng.integers(1, 2000, 2000)
K = np.minimum(rng.integers(0, 2000, 2000), N)


def test_t_normal_and_f_are_those_of_scipy():
    np.testing.assert_allclose(t_test(T, DF), 2 * stats.t.sf(np.abs(T), DF), rtol=1e-12)
    np.testing.assert_allclose(t_quantile(0.975, DF), stats.t.ppf(0.975, DF), rtol=1e-12)
    assert normal_quantile(0.975) == pytest.approx(stats.norm.ppf(0.975), rel=1e-14)
    assert f_tail(2.5, 3.4, 120.0) == pytest.approx(stats.f.sf(2.5, 3.4, 120.0), rel=1e-12)


@pytest.mark.parametrize("p", [0.5, 0.02])
def test_the_binomial_distribution_is_that_of_scipy(p):
    np.testing.assert_allclose(binomial_cdf(K, N, p), stats.binom.cdf(K, N, p), rtol=1e-9, atol=1e-300)


def test_the_coin_test_is_exact_and_has_nothing_to_say_without_throws():
    expected = [stats.binomtest(int(k), int(n)).pvalue for k, n in zip(K[:200], N[:200], strict=True)]
    np.testing.assert_allclose(coin_test(K[:200], N[:200]), expected, rtol=1e-9, atol=1e-300)
    assert np.isnan(coin_test(0, 0))


@pytest.mark.parametrize("n", [1, 2, 5, 105, 1000])
@pytest.mark.parametrize("q", [0.025, 0.3, 0.975])
def test_coin_quantiles_are_those_of_scipy(n, q):
    assert coin_quantile(q, n) == stats.binom.ppf(q, n, 0.5)


def test_the_analysis_does_not_import_what_costs_more_than_a_study():
    code = (
        "import sys, analysis.report; print([n for n in ('scipy.stats', 'scipy.sparse') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
