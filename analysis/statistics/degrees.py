"""Degrees of freedom of a rate near 0 or 1: what the answers of the rarer kind are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .clustering import divide

if TYPE_CHECKING:
    from .clustering import Floats

PRIOR_PAIRS = 30.0  # of answers of the rarer kind, that are taken to be spread as all answers are


def rarer_worth(squares: Floats, total: Floats, own: Floats, worth: Floats) -> Floats:
    """How many equal clusters those are worth in which the answers of the rarer kind stand: at most `worth`.

    A rate of 95 % follows from the few answers against it. Where most of these are about two of eight images,
    the variance is known as if from two. How many equal clusters they are worth is 1 over the chance that two
    of them are of one cluster (Simpson 1949, "Measurement of diversity", Nature 163; the unbiased estimate,
    since even few answers that fall anywhere at random tell nothing of clusters). Few answers tell little of
    that chance either: it is drawn towards that of all answers, as PRIOR_PAIRS pairs of these would.

    squares: sums over clusters of t^2, t the answers of the rarer kind in a cluster; total: of t; own: of the
    squares of single answers, which are those of t where all are 0 or 1. worth: what all answers' clusters
    are worth, NaN without any. Arrays of one shape.

    >>> even, uneven = np.array([8 * 5.0**2]), np.array([2 * 20.0**2])
    >>> [rarer_worth(of, *np.array([[40.0], [40.0], [8.0]])).round(1).tolist() for of in (even, uneven)]
    [[8.0], [2.1]]
    """
    pairs, alike = total**2 - own, squares - own
    chance = divide(alike + divide(np.full_like(worth, PRIOR_PAIRS), worth), pairs + PRIOR_PAIRS)
    return np.asarray(np.minimum(divide(np.ones_like(worth), chance), worth))
