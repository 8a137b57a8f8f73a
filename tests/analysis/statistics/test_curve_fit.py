"""Shapes of curves and their fits: against SciPy, statsmodels and psignifit."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, special, stats

from glimpse.analysis.statistics.choices import CURVE_SHAPES
from glimpse.analysis.statistics.curve_fit import deviance, fit_batch, gradient, rates
from tests.analysis.statistics.test_psychometric import X, counts, theta


@pytest.mark.parametrize("family", CURVE_SHAPES)
def test_families_are_distribution_functions_with_their_inverse_and_derivative(family):
    shape = CURVE_SHAPES[family]
    z = np.linspace(-4, 1.5, 50)
    assert shape.quantile(shape.cdf(z)) == pytest.approx(z, abs=1e-8)
    step = 1e-6
    assert (shape.cdf(z + step) - shape.cdf(z - step)) / (2 * step) == pytest.approx(shape.pdf(z), abs=1e-6)


def test_families_are_those_of_scipy():
    z = np.linspace(-5, 4, 40)
    for name, law in [("logistic", stats.logistic), ("gaussian", stats.norm), ("weibull", stats.gumbel_l)]:
        assert CURVE_SHAPES[name].cdf(z) == pytest.approx(law.cdf(z))
    # In t, the Weibull family is scipy's weibull_min with shape slope / ln 2 and scale 2**m.
    slope, m = 1.3, 9.0
    t = np.array([100.0, 512.0, 3000.0])
    expected = stats.weibull_min.cdf(t, slope / np.log(2), scale=2**m)
    assert CURVE_SHAPES["weibull"].cdf(slope * (np.log2(t) - m)) == pytest.approx(expected)


@pytest.mark.parametrize("family", CURVE_SHAPES)
def test_the_gradient_is_the_derivative(family):
    at = theta()
    _, slopes = gradient(X, at, CURVE_SHAPES[family])
    for column in range(3):
        step = np.zeros((1, 3))
        step[0, column] = 1e-6
        up, down = (rates(X, at + sign * step, CURVE_SHAPES[family]) for sign in (1, -1))
        assert slopes[0, :, column] == pytest.approx((up - down)[0] / 2e-6, abs=1e-7)


@pytest.mark.parametrize("family", CURVE_SHAPES)
@pytest.mark.parametrize("plateau", [0.95, 0.75, 0.3])
def test_the_maximum_is_that_of_a_general_optimiser(family, plateau):
    n, k = counts(1, family=family, plateau=plateau)

    def loss(at):
        psi = np.clip(rates(X, at[None], CURVE_SHAPES[family])[0], 1e-12, 1 - 1e-12)
        return -float((k[0] * np.log(psi) + (n[0] - k[0]) * np.log1p(-psi)).sum())

    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 9000, "maxfev": 9000}
    best = optimize.minimize(loss, theta(plateau)[0], method="Nelder-Mead", options=options)
    found = fit_batch(X, n, k, CURVE_SHAPES[family])
    assert found.converged.all()
    assert found.log_likelihood[0] == pytest.approx(-best.fun, abs=1e-7)
    assert found.theta[0] == pytest.approx(best.x, abs=1e-4)


def test_with_a_known_plateau_the_fit_is_a_known_regression():
    """psi = 1/2 + (A - 1/2) F is then a GLM; statsmodels finds the same curve by its own IRLS."""
    rise = 0.45

    class Guessing(sm.families.links.Logit):
        def __call__(self, p):
            return super().__call__(np.clip((p - 0.5) / rise, 1e-9, 1 - 1e-9))

        def inverse(self, z):
            return 0.5 + rise * super().inverse(z)

        def deriv(self, p):
            return super().deriv(np.clip((p - 0.5) / rise, 1e-9, 1 - 1e-9)) / rise

    n, k = counts(2, n=300, plateau=0.95)
    table = np.stack([k[0], n[0] - k[0]], axis=1)
    glm = sm.GLM(table, sm.add_constant(X), family=sm.families.Binomial(link=Guessing()))
    reference = glm.fit(start_params=[-13.0, 1.5], tol=1e-12)
    found = fit_batch(X, n, k, CURVE_SHAPES["logistic"], plateau=np.array([0.5 + rise])).theta[0]
    assert np.exp(found[1]) == pytest.approx(reference.params[1], rel=1e-5)
    assert -np.exp(found[1]) * found[2] == pytest.approx(reference.params[0], rel=1e-5)


def test_psignifit_finds_the_same_curve():
    """psignifit 4 (Schuett et al. 2016), logistic on log2 ms, guess rate 1/2; its lapse rate is 1 - A."""
    psignifit = pytest.importorskip("psignifit")
    n, k = counts(3, n=2000, plateau=0.93, slope=1.4)
    data = np.stack([X, k[0], n[0]], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = psignifit.psignifit(data, experiment_type="2AFC", sigmoid="logistic").parameter_estimate
    found = fit_batch(X, n, k, CURVE_SHAPES["logistic"]).theta[0]
    assert special.expit(found[0]) == pytest.approx(1 - reference["lambda"], abs=0.01)
    assert found[2] == pytest.approx(reference["threshold"], abs=0.06)
    # psignifit's width spans 5 % to 95 % of F.
    assert 2 * special.logit(0.95) / np.exp(found[1]) == pytest.approx(reference["width"], rel=0.06)


def test_many_curves_at_once_are_each_alone():
    rng = np.random.default_rng(4)
    n = np.full((40, 7), 300.0)
    k = np.concatenate(
        [counts(s, n=300, plateau=rng.uniform(0.7, 0.97), slope=rng.uniform(0.8, 3))[1] for s in range(40)]
    )
    together = fit_batch(X, n, k, CURVE_SHAPES["logistic"])
    alone = [fit_batch(X, n[[i]], k[[i]], CURVE_SHAPES["logistic"]).log_likelihood[0] for i in range(40)]
    assert together.log_likelihood == pytest.approx(np.array(alone), abs=1e-6)


def test_the_deviance_is_that_of_statsmodels():
    n, k = counts(5)
    table = np.stack([k[0], n[0] - k[0]], axis=1)
    fit = sm.GLM(table, np.ones(7), family=sm.families.Binomial()).fit()
    assert deviance(n[0], k[0], np.full(7, k.sum() / n.sum())) == pytest.approx(fit.deviance)
    extreme = deviance(np.array([5.0, 5.0]), np.array([0.0, 5.0]), np.array([0.5, 0.5]))
    assert extreme == pytest.approx(20 * np.log(2))
