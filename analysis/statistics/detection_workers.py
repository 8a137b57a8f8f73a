"""What each worker says of single images, by itself: a description, with intervals over its own answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .clustering import divide
from .detection import d_prime
from .distributions import normal_quantile
from .preference import wilson

if TYPE_CHECKING:
    from .detection_answers import SingleAnswers

DETECTION_WORKER_COLUMNS = (
    "worker", "condition", "n_generated", "hits", "n_real", "false_alarms", "errors", "errors_low",
    "errors_high", "d_prime", "criterion",
)  # fmt: skip
MEAN_COLUMNS = ("condition", "n_workers", "d_prime_mean", "d_prime_sd", "criterion_mean", "criterion_sd")


def detection_workers(answers: SingleAnswers, *, level: float = 0.95) -> pd.DataFrame:
    """One row a worker and a condition with generated images that it saw: DETECTION_WORKER_COLUMNS.

    worker: its code. errors: the mean of its shares of errors on generated and on real images. The interval
    is Wilson's over its answers, as if these were independent. d', criterion: log-linear (Hautus 1995), NaN
    where a worker saw only one kind of image.
    """
    W, C = int(answers.worker.max()) + 1, len(answers.conditions)
    said = answers.said_generated
    kinds = (
        (answers.generated, None), (answers.generated, said),
        (~answers.generated, None), (~answers.generated, said),
    )  # fmt: skip
    n, hits, of_real, alarms = (
        np.bincount(key, minlength=W * C).reshape(W, C)
        for kind, only in kinds
        for keep in [kind if only is None else kind & only]
        for key in [answers.worker[keep].astype(np.int64) * C + answers.condition[keep]]
    )
    n_real, false_alarms = (np.broadcast_to(part.sum(axis=1)[:, None], n.shape) for part in (of_real, alarms))
    worker, condition = np.nonzero(n)
    n, hits, n_real, false_alarms = (part[worker, condition] for part in (n, hits, n_real, false_alarms))
    d, c = d_prime(hits, n - hits, false_alarms, n_real - false_alarms)
    errors = (1 - divide(hits, n) + divide(false_alarms, n_real)) / 2
    total = (n + n_real).astype(float)
    low, high = wilson(errors, total, normal_quantile((1 + level) / 2))
    return pd.DataFrame({
        "worker": worker, "condition": np.asarray(answers.conditions, dtype=object)[condition],
        "n_generated": n, "hits": hits, "n_real": n_real, "false_alarms": false_alarms, "errors": errors,
        "errors_low": low, "errors_high": high, "d_prime": d, "criterion": c,
    })[list(DETECTION_WORKER_COLUMNS)]  # fmt: skip


def detection_means(workers: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over workers of their own d' and criterion, by condition: MEAN_COLUMNS.

    So many papers report d'. With few trials a worker's d' is drawn to 0 by the log-linear correction, so
    that the mean depends on how many there are; `detection_table` does not.
    """
    by = workers.groupby("condition")
    return pd.DataFrame({
        "n_workers": by["d_prime"].count(), "d_prime_mean": by["d_prime"].mean(),
        "d_prime_sd": by["d_prime"].std(), "criterion_mean": by["criterion"].mean(),
        "criterion_sd": by["criterion"].std(),
    }).reset_index()[list(MEAN_COLUMNS)]  # fmt: skip
