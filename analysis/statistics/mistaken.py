"""Which single images were mistaken most often: generated ones taken for real, real ones for generated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .pairs import FEWEST_ANSWERS, LONG_ENOUGH_MS
from .preference import wilson

IMAGE_COLUMNS = ("condition", "item", "generated", "n", "wrong", "rate", "low", "high")
EACH = 4


def image_table(judgments: pd.DataFrame) -> pd.DataFrame:
    """Return how often each image was judged wrongly, with IMAGE_COLUMNS, by condition, most often first.

    judgments: those that count, with DETECTION_COLUMNS of `reading.detections`. Only those of a second or
    longer are taken, if there are such, since in a glimpse every image is mistaken; unlimited time counts as
    long. Wilson's intervals hold for an image that is chosen beforehand.
    """
    long = judgments[~(judgments["exposure_ms"] < LONG_ENOUGH_MS)]
    rows = (long if len(long) else judgments).assign(
        condition=judgments["condition"].astype(str), item=judgments["item"].astype(str)
    )
    by = rows.groupby(["condition", "item"], sort=True)
    n, right = by.size(), by["correct"].sum()
    found = pd.DataFrame({"generated": by["generated"].first(), "n": n, "wrong": (n - right).astype(int)})
    found = found.reset_index().assign(rate=lambda table: table["wrong"] / table["n"])
    low, high = wilson(found["rate"].to_numpy(float), found["n"].to_numpy(float), 1.959964)
    found = found.assign(low=low, high=high)
    by_rate = ["generated", "condition", "rate", "n", "item"]
    ordered = found.sort_values(by_rate, ascending=[False, True, False, False, True], ignore_index=True)
    return ordered[list(IMAGE_COLUMNS)]


def most_mistaken(images: pd.DataFrame, each: int = EACH) -> pd.DataFrame:
    """Return the images of each condition that were mistaken most often, of those with enough answers.

    images: `image_table`. Images that nobody mistook are none of them.
    """
    most = images.groupby("condition")["n"].transform("max")
    enough = images[(images["n"] >= np.minimum(FEWEST_ANSWERS, most)) & (images["wrong"] > 0)]
    return enough.groupby("condition", sort=False).head(each).reset_index(drop=True)
