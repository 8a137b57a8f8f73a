"""How much was judged: answers by kind, and images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ..statistics.grouping import Analysed


def counts_of(answers: Analysed) -> dict[str, int]:
    """Judgments by kind, and what they are of."""
    gathered, shown = answers.gathered, answers.gathered.shown
    sources, trials = len(gathered.sources), len(shown.cell)
    judged = np.zeros(sources * trials, dtype=np.int64)  # of each trial, by source
    works = np.zeros(len(gathered.workers), dtype=bool)
    for here in gathered.parts:
        works[gathered.worker[gathered.assignment[here][answers.keep[here]]]] = True
        source = gathered.source[gathered.assignment[here]].astype(np.int64)
        judged += np.bincount(source * trials + gathered.trial[here], minlength=len(judged))
    source, trial = np.divmod(np.flatnonzero(judged), max(trials, 1))
    seen = np.unique(shown.pair[trial].astype(np.int64) * sources + source) // max(sources, 1)
    sentinel = shown.cell < 0
    sentinels = int(judged[np.tile(sentinel, sources)].sum())
    return {
        "judgments": len(gathered),
        "analysed": int(answers.keep.sum()),
        "sentinels": sentinels,
        "genuine": len(gathered) - sentinels,
        "analysed_workers": int(works.sum()),
        "pairs": len(np.unique(shown.pair[trial[~sentinel[trial]]])),
        "shared_pairs": int((np.bincount(seen) > 1).sum()),
    }


def images_of(answers: Analysed, real: str | None) -> pd.DataFrame:
    """How many images of each condition were judged, and in how many pairs of a cell each stood on average:
    condition, images, pairs_per_image."""
    shown, cells = answers.gathered.shown, answers.gathered.cells
    trial = np.flatnonzero(answers.by_trial[0])
    names = [cells[f"condition_{side}"].to_numpy(str)[shown.cell[trial]] for side in "ab"]
    table = pd.DataFrame({
        "condition": np.concatenate(names), "cell": np.tile(shown.cell[trial], 2),
        "image": np.concatenate([shown.image_a[trial], shown.image_b[trial]]),
        "pair": np.tile(shown.pair[trial], 2),
    }).drop_duplicates()  # fmt: skip
    each = table.groupby("condition")
    uses = table.groupby(["condition", "cell"])
    per_image = (uses.size() / uses["image"].nunique()).groupby("condition").mean()
    found = pd.DataFrame({"images": each["image"].nunique(), "pairs_per_image": per_image}).reset_index()
    return found.sort_values("condition", key=lambda names: names == real, kind="stable", ignore_index=True)
