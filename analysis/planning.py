"""`power` from settings to files: the experiment read, the tables computed, said in words, written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from analysis.errors import AnalysisError
from analysis.files import read_json, write_whole
from analysis.power import SPREADS, Design, design_of, plan_table, sentinel_rules
from analysis.simulation import untracked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd


@dataclass(frozen=True)
class Planned:
    """A planned study: its experiment and design, the table of variants, the table of sentinel rules."""

    experiment: dict[str, Any]
    design: Design
    table: pd.DataFrame
    rules: pd.DataFrame
    settings: dict[str, Any]


def read_experiment(study: Path) -> dict[str, Any]:
    """Return the experiment of a study folder. Raises AnalysisError where there is none."""
    experiment = read_json(study / "study.json").get("experiment")
    if not isinstance(experiment, dict):
        raise AnalysisError(f"{study / 'study.json'}: experiment is missing. Build the study again.")
    return dict(experiment)


def plan(
    experiment: Mapping[str, Any],
    price: Callable[[Decimal, int, int], Decimal],
    *,
    changes: Mapping[str, int | str | None],
    rates: Sequence[float],
    spreads: Sequence[tuple[float, float]],
    settings: Mapping[str, Any],
    track: Callable[..., Iterable[Any]] = untracked,
) -> Planned:
    """Simulate the planned study and its variants. Every number is checked before anything is simulated."""
    reward = changes.get("reward_usd")
    if reward is not None and not _is_amount(str(reward)):
        raise AnalysisError(f"--reward {reward!r}: expected an amount of US dollars, for example 1.50.")
    wrong = [rate for rate in rates if not 0 < rate < 1]
    if wrong:
        raise AnalysisError(
            f"--rate is {wrong[0]:g}; a true preference rate lies between 0 and 1, such as 0.6."
        )
    design = design_of(experiment, **changes)
    named = {f"{worker:g} / {pair:g}": (worker, pair) for worker, pair in spreads} or dict(SPREADS)
    if any(not 0 <= sd <= 5 for pair in named.values() for sd in pair):
        raise AnalysisError("--spread: standard deviations lie between 0 and 5 probit units.")
    if not 0 < settings["alpha"] < 1:
        raise AnalysisError(f"--alpha is {settings['alpha']:g}; it must lie between 0 and 1.")
    sentinels = int(experiment.get("sentinels_per_hit") or 0)
    own = (sentinels, int(experiment.get("max_wrong_sentinels") or 0)) if sentinels else None
    rules = sentinel_rules(own, settings["slip"])
    table = plan_table(
        design,
        price,
        rates=rates,
        spreads=named,
        studies=settings["studies"],
        seed=settings["seed"],
        alpha=settings["alpha"],
        track=track,
    )
    return Planned(dict(experiment), design, table, rules, dict(settings))


def _is_amount(text: str) -> bool:
    try:
        return Decimal(text).is_finite() and Decimal(text) >= 0
    except InvalidOperation:
        return False


def describe(planned: Planned) -> list[str]:
    """Return the plan in lines for a terminal."""
    design, table = planned.design, planned.table
    cost = float(table.loc[table["planned"], "price_usd"].iloc[0])
    batches = f"{design.batches} batches of " if design.batches > 1 else ""
    lines = [
        (
            f"{planned.experiment['mode']}: {batches}{design.hits} HITs of {design.workers_per_hit} workers "
            f"at ${design.reward_usd}: ${cost:,.2f}, fees included."
        ),
        f"A cell has {design.answers} answers of {design.workers} workers on {design.pairs} pairs.",
        "",
        "As planned: full width of the 95 % interval, and power (chance that the two-way test finds it),",
        "by how much workers and pairs differ (standard deviations in probit units).",
        "",
    ]
    lines += _planned_lines(table)
    lines += ["", f"What money buys (rate {_middle(table):g}, spread {_typical(table)}):", ""]
    lines += _variant_lines(table)
    lines += [
        "",
        "Sentinel rules:",
        "",
        "  sentinels  wrong allowed  random clicker passes  careful worker excluded",
    ]
    for row in _rows(planned.rules):
        mark = "  <- as planned" if _is_own(planned.experiment, row) else ""
        lines.append(
            f"  {row.sentinels:9d}  {row.allowed:13d}  {100 * row.random_passes:19.1f} %  "
            f"{100 * row.careful_excluded:21.1f} %{mark}"
        )
    return lines


def _rows(table: pd.DataFrame) -> list[Any]:
    return list(table.itertuples())


def _is_own(experiment: Mapping[str, Any], row: Any) -> bool:
    rule = (experiment.get("sentinels_per_hit"), experiment.get("max_wrong_sentinels"))
    return rule == (row.sentinels, row.allowed)


def _middle(table: pd.DataFrame) -> float:
    rates = list(dict.fromkeys(table["rate"]))
    return float(rates[len(rates) // 2])


def _typical(table: pd.DataFrame) -> str:
    names = list(dict.fromkeys(table["spread"]))
    return str(names[len(names) // 2])


def _planned_lines(table: pd.DataFrame) -> list[str]:
    rows = table[table["planned"] & (table["vary"] == "HITs")]
    rates = list(dict.fromkeys(rows["rate"]))
    lines = ["  spread    worker  pair   " + "   ".join(f"true rate {100 * rate:g} %" for rate in rates)]
    for name in dict.fromkeys(rows["spread"]):
        mine = rows[rows["spread"] == name]
        first = mine.iloc[0]
        cells = [f"{100 * r.width:5.1f} %, {100 * r.power:4.0f} %" for r in _rows(mine)]
        lines.append(f"  {name:9s} {first.worker_sd:5.2f} {first.pair_sd:5.2f}   " + "   ".join(cells))
    return lines


def _variant_lines(table: pd.DataFrame) -> list[str]:
    rows = table[(table["rate"] == _middle(table)) & (table["spread"] == _typical(table))]
    lines = ["  vary             HITs  workers/HIT  pairs  answers       price   width   power"]
    for row in _rows(rows):
        mark = "  <- as planned" if row.planned else ""
        lines.append(
            f"  {row.vary:15s} {row.hits:5d} {row.workers_per_hit:12d} {row.pairs:6d} {row.answers:8d} "
            f"{row.price_usd:11,.2f} {100 * row.width:5.1f} % {100 * row.power:5.0f} %{mark}"
        )
    return lines


def write_plan(planned: Planned, out: Path, versions: Mapping[str, str]) -> list[str]:
    """Write power.csv, sentinel_rules.csv, width_vs_price.png/pdf/svg and power.json; return their names."""
    from analysis.figures import render, width_price_figure

    table = planned.table[planned.table["rate"] == _middle(planned.table)]
    drawn = table.assign(
        panel=[
            f"{name}: workers {w:g}, pairs {p:g}"
            for name, w, p in zip(table["spread"], table["worker_sd"], table["pair_sd"], strict=True)
        ],
        series="more " + table["vary"].str.replace("workers per HIT", "workers"),
    )
    files: dict[str, bytes | str] = {
        "power.csv": planned.table.to_csv(index=False, float_format="%.6g", lineterminator="\n"),
        "sentinel_rules.csv": planned.rules.to_csv(index=False, float_format="%.6g", lineterminator="\n"),
    }
    files |= {f"width_vs_price.{kind}": data for kind, data in render(width_price_figure(drawn)).items()}
    record = {"experiment": planned.experiment, "settings": planned.settings, "versions": dict(versions)}
    files["power.json"] = json.dumps(record, indent=1, default=str) + "\n"
    for name, data in files.items():
        write_whole(out / name, data)
    return list(files)
