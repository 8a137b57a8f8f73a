"""What was asked and shown: from the trials wherever they tell, else as study.json states it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.questions import questions_of

from ..statistics.gathering import design_cells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from ..reading.results import Results

STATED = (
    "preset", "sides", "hits_per_batch", "max_wrong_sentinels", "workers_per_hit", "reward_usd",
    "time_allotted_minutes",
)  # fmt: skip


def experiment(results: Results, studies: Sequence[str]) -> dict[str, Any]:
    """Return what one study was, or several taken together.

    None stands where study.json does not say, and where HITs, or studies, differ in a single number.
    """
    trials = results.trials
    if len(studies) < len(results.studies):
        trials = trials[trials["study"].isin(studies)]
    trials = trials.drop_duplicates("trial")  # two folders of one study both bring its trials
    documents = [results.studies[name] for name in studies]
    own = [dict(document["experiment"]) for document in documents]
    shown = _from_trials(trials, own[0])
    stated = {name: single([one.get(name) for one in own]) for name in STATED}
    pairing = single([one.get("pairing") for one in own])
    return {
        "mode": own[0]["mode"],
        "real": own[0].get("real") or None,
        "question": single([questions_of(one)[0].text if "questions" in one else None for one in own]),
        "pairing": "same-item" if shown.pop("same_item") else pairing if pairing != "same-item" else None,
        "sentinel_source": single([one.get("sentinels", "condition") for one in own]),
        "adaptive": any(one.get("allocation") == "adaptive" for one in own),
        "first": single([one.get("first") for one in own]),
        "contexts": sum(len(document.get("contexts") or {}) for document in documents),
        **stated,
        **shown,
        "conditions": _conditions(shown["contrasts"], own[0].get("real")),
    }


def origin(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a study comes from: the version of Glimpse that made its pages, or what was imported."""
    return {
        "run_with": _object(document, "versions").get("glimpse"),
        "imported_from": document.get("imported_from"),
    }


def single(values: Sequence[Any]) -> Any:
    """Return the value that all have; None where they differ."""
    return values[0] if all(value == values[0] for value in values) else None


def _object(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object of study.json; an empty one where it has none."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _from_trials(trials: pd.DataFrame, stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the trials themselves tell."""
    scored = ~trials["practice"]
    sentinels = trials[scored & trials["sentinel"]]
    genuine = trials[scored & ~trials["sentinel"]]
    kinds = trials[["hit"]].assign(
        scored=scored, sentinel=scored & trials["sentinel"], practice=trials["practice"]
    )
    a_hit = kinds.groupby("hit", observed=True).sum()
    a_hit = a_hit[a_hit["scored"] > 0]
    in_cells = genuine.groupby(["hit", "contrast", "exposure_ms"], observed=True, dropna=False).size()
    contrasts = design_cells(trials, stated.get("contrasts") or ())["contrast"].unique()
    return {
        "contrasts": [name.split(":") for name in contrasts],
        "exposures_ms": _exposures(genuine),
        "batches": len(trials[["study", "batch"]].drop_duplicates()),
        "hits": len(a_hit),
        "trials_per_hit": int(a_hit["scored"].max()),
        "trials_per_cell": single(in_cells.tolist()),
        "practice_trials": single(a_hit["practice"].tolist()),
        "sentinels_per_hit": single(a_hit["sentinel"].tolist()),
        "sentinel_contrasts": _sentinel_contrasts(sentinels),
        "sentinel_exposures_ms": _exposures(sentinels),
        "same_item": bool((genuine["item_a"].astype(str) == genuine["item_b"].astype(str)).all()),
    }


def _exposures(trials: pd.DataFrame) -> list[float | None]:
    """Return the exposures planned for some trials, the shortest first; None is unlimited time."""
    found = np.sort(trials["exposure_ms"].unique())  # NaN last
    return [None if np.isnan(value) else int(value) if value % 1 == 0 else float(value) for value in found]


def _sentinel_contrasts(sentinels: pd.DataFrame) -> list[list[str]]:
    """Return the pairs of conditions in sentinels, the one that is the right answer last."""
    names = ("condition_a", "condition_b", "correct_side", "side_of_a")
    a, b, correct, side = (sentinels[name].astype(str) for name in names)
    right = a.where(correct == side, b)
    pairs = set(zip(b.where(right == a, a), right, strict=True))
    return [list(pair) for pair in sorted(pairs)]


def _conditions(contrasts: Sequence[Sequence[str]], real: str | None) -> list[str]:
    """Return the conditions in the order of the contrasts, the real one last."""
    names = dict.fromkeys(name for pair in contrasts for name in pair)
    return sorted(names, key=lambda name: name == real)
