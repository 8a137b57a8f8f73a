"""A mixed model of a report's judgments.csv, beside the rates and intervals that Glimpse gives.

    python examples/mixed_model.py report/judgments.csv

Needs NumPy, SciPy and pandas, which Glimpse has. The logistic model has crossed random effects of workers and
images, and is fitted by Laplace's approximation, as R's lme4 does. docs/mixed-models.md says what it is, and
where the two differ.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import expit, log_expit, roots_hermitenorm
from scipy.stats import norm

NUMBERS = {"exposure_ms": float, "chose_a": float, "sentinel": int, "excluded": int}


def read(path: Path) -> pd.DataFrame:
    """Return what Glimpse analyses: no sentinels and nothing excluded; ties, which are no choice, go, too."""
    head = pd.read_csv(path, nrows=0).columns
    if "chose_a" not in head:
        sys.exit(f"{path} has no column chose_a: this script is for studies of pairs.")
    table = pd.read_csv(path, dtype={name: NUMBERS.get(name, str) for name in head})
    table = table[(table["sentinel"] == 0) & (table["excluded"] == 0) & table["chose_a"].notna()]
    table = table[table["question"] == table["question"].iloc[0]]
    for side in "ab":
        table[f"image_{side}"] = table[f"condition_{side}"] + " " + table[f"item_{side}"]
    return table


def fit(
    y: np.ndarray, fixed: np.ndarray, groups: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit logit P(y = 1) = fixed @ beta + one normal effect of each group's member.

    y (n,) of 0 and 1; fixed (n, p); groups: for each kind of effect (n,) codes from 0. Returns beta (p,), its
    covariance (p, p), and the standard deviation of each kind of effect.
    """
    signs, p = 2 * y - 1, fixed.shape[1]
    sizes = [int(codes.max()) + 1 for codes in groups]
    design = np.hstack([fixed, *(np.eye(size)[codes] for size, codes in zip(sizes, groups, strict=True))])
    found = np.zeros(design.shape[1])

    def inner(log_sd: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The effects' most likely values, by Newton's method, and Laplace's deviance."""
        nonlocal found
        precision = np.concatenate(
            [np.zeros(p), *(np.full(n, np.exp(-2 * s)) for n, s in zip(sizes, log_sd, strict=True))]
        )

        def penalised(at: np.ndarray) -> float:
            return float(-log_expit(signs * (design @ at)).sum() + 0.5 * (precision * at**2).sum())

        at = found
        for _ in range(100):
            mean = expit(design @ at)
            hessian = (design.T * (mean * (1 - mean))) @ design + np.diag(precision) + 1e-9 * np.eye(len(at))
            step = cho_solve(cho_factor(hessian), design.T @ (mean - y) + precision * at)
            while penalised(at - step) > penalised(at) + 1e-10:
                step = step / 2
            at = at - step
            if np.abs(step).max() < 1e-8:
                break
        found = at
        effects = hessian[p:, p:]
        determinant = np.linalg.slogdet(effects)[1] - np.log(precision[p:]).sum()
        return 2 * penalised(at) + determinant, at, hessian

    start = np.full(len(groups), np.log(0.5))
    bounds = [(-5.0, 2.0)] * len(groups)  # standard deviations of 0.007 and less are none
    best = minimize(lambda log_sd: inner(log_sd)[0], start, method="L-BFGS-B", bounds=bounds)
    _, at, hessian = inner(best.x)
    return at[:p], np.linalg.inv(hessian)[:p, :p], np.exp(best.x)


def marginal(eta: np.ndarray, sd: float) -> np.ndarray:
    """The rate over all workers and images: the mean of expit(eta + effects) over normal effects."""
    nodes, weights = roots_hermitenorm(40)
    return expit(eta[:, None] + sd * nodes) @ (weights / weights.sum())


def rates_of(contrast: str, own: pd.DataFrame) -> pd.DataFrame:
    """Return the rates of a contrast's cells, and print how much workers and images differ."""
    cells, exposures = pd.factorize(own["exposure_ms"].fillna(np.inf), sort=True)
    same = (own["item_a"] == own["item_b"]).all()
    kinds = ["worker", "item_a"] if same else ["worker", "image_a", "image_b"]
    groups = [pd.factorize(own[kind])[0] for kind in kinds]
    beta, covariance, sds = fit(own["chose_a"].to_numpy(float), np.eye(len(exposures))[cells], groups)
    spreads = [f"{kind} {sd:.2f}" for kind, sd in zip(kinds, sds, strict=True)]
    print(f"{contrast} - standard deviations: {', '.join(spreads)}")
    half, sd = norm.ppf(0.975) * np.sqrt(np.diag(covariance)), float(np.sqrt((sds**2).sum()))
    return pd.DataFrame({
        "contrast": contrast, "exposure_ms": np.where(np.isinf(exposures), np.nan, exposures),
        "n": np.bincount(cells), "rate": marginal(beta, sd), "low": marginal(beta - half, sd),
        "high": marginal(beta + half, sd),
    })  # fmt: skip


def main(path: Path) -> None:
    """Print the rates of every contrast and exposure, and Glimpse's own beside them."""
    if not path.is_file():
        sys.exit(f"{path} is not there; name the judgments.csv that analyze wrote.")
    table = read(path)
    rates = pd.concat([rates_of(str(name), own) for name, own in table.groupby("contrast")])
    if (beside := path.with_name("preference.csv")).is_file():
        ours = pd.read_csv(beside).drop_duplicates(["contrast", "exposure_ms"])  # the report's own come first
        ours = ours[["contrast", "exposure_ms", "rate", "low", "high"]]
        rates = rates.merge(ours, on=["contrast", "exposure_ms"], how="left", suffixes=("", "_glimpse"))
    print(rates.to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "report/judgments.csv"))
