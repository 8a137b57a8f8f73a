"""`power` from settings to files: the experiment read, the tables computed, said in words, written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.experiment import LARGEST_REWARD_USD
from glimpse.files import refuse_others, write_whole
from glimpse.program import program
from glimpse.progress import untracked
from glimpse.stated import allowed_wrong
from glimpse.study import read_document

from .power import SPREADS, StudySize, is_amount, plan_table, sentinel_rules, size_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from glimpse.progress import Track


LARGEST_SPREAD = 5
FIGURE = "width_vs_price"
WRITTEN = (
    "power.csv",
    "sentinel_rules.csv",
    "power.json",
    *(f"{FIGURE}.{kind}" for kind in ("png", "pdf", "svg")),
)
# What a plan can change of an experiment, and the option of build-hits that does.
BUILD_OPTIONS = {
    "hits": "--hits-per-batch",
    "workers_per_hit": "--workers-per-hit",
    "trials_per_cell": "--trials-per-cell",
    "reward_usd": "--reward-usd",
}


@dataclass(frozen=True)
class Planned:
    """A planned study: its experiment and design, the table of variants, the table of sentinel rules."""

    experiment: dict[str, Any]
    design: StudySize
    table: pd.DataFrame
    rules: pd.DataFrame
    settings: dict[str, Any]


def read_experiment(study: Path) -> dict[str, Any]:
    """Return the experiment of a study folder. Raises GlimpseError where there is none."""
    if not (study / "study.json").is_file():
        raise GlimpseError(
            f"{study}: study.json is missing, so this is no study that build-hits has written. Name one, or "
            f"plan before you build: {program()} power --mode limited-time"
        )
    return dict(read_document(study / "study.json")["experiment"])


def plan_power(
    experiment: Mapping[str, Any],
    *,
    changes: Mapping[str, int | str | None],
    rates: Sequence[float],
    spreads: Sequence[tuple[float, float]],
    settings: Mapping[str, Any],
    track: Track = untracked,
) -> Planned:
    """Simulate the planned study and its variants. Every number is checked before anything is simulated."""
    _check(changes.get("reward_usd"), rates, spreads, settings["alpha"])
    design = size_of(experiment, **changes)
    named = {f"{worker:g} / {pair:g}": (worker, pair) for worker, pair in spreads} or dict(SPREADS)
    rates = list(dict.fromkeys(rates))
    sentinels = int(experiment.get("sentinels_per_hit") or 0)
    own = (sentinels, allowed_wrong(experiment)) if sentinels else None
    rules = sentinel_rules(own, settings["slip"])
    table = plan_table(
        design,
        rates=rates,
        spreads=named,
        studies=settings["studies"],
        seed=settings["seed"],
        alpha=settings["alpha"],
        track=track,
    )
    settings = {**settings, "rates": rates, "spreads": named}
    return Planned(dict(experiment), design, table, rules, settings)


def _check(
    reward: object, rates: Sequence[float], spreads: Sequence[tuple[float, float]], alpha: float
) -> None:
    """Raise GlimpseError that names the option with a value that no plan can have."""
    if reward is not None and not _is_reward(str(reward)):
        raise GlimpseError(
            f"--reward is {reward}; it must be dollars and cents above 0 and at most {LARGEST_REWARD_USD}, "
            "for example 1.50."
        )
    for rate in rates:
        if not 0 < rate < 1:
            raise GlimpseError(f"--rate is {rate:g}; it must lie between 0 and 1, for example 0.6.")
    for worker, pair in spreads:
        if not (0 <= worker <= LARGEST_SPREAD and 0 <= pair <= LARGEST_SPREAD):
            raise GlimpseError(
                f"--spread is {worker:g} {pair:g}; both standard deviations must be from 0 to "
                f"{LARGEST_SPREAD}, for example 0.25 0.45."
            )
    if not 0 < alpha < 1:
        raise GlimpseError(f"--alpha is {alpha:g}; it must lie between 0 and 1, for example 0.05.")


def _is_reward(text: str) -> bool:
    try:
        return is_amount(Decimal(text))
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
        *_precision_lines(table),
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
    rule = (experiment.get("sentinels_per_hit"), allowed_wrong(experiment))
    return rule == (row.sentinels, row.allowed)


def _middle(table: pd.DataFrame) -> float:
    rates = list(dict.fromkeys(table["rate"]))
    return float(rates[len(rates) // 2])


def _typical(table: pd.DataFrame) -> str:
    names = list(dict.fromkeys(table["spread"]))
    return str(names[len(names) // 2])


def _precision_lines(table: pd.DataFrame) -> list[str]:
    width, power = 100 * table["width_se"].max(), 100 * table["power_se"].max()
    return [
        f"Each width and power comes from {table['studies'].iloc[0]:,} simulated studies: their Monte Carlo",
        f"standard errors are at most {width:.2f} and {power:.1f} percentage points;",
        "raise --studies to lower them.",
    ]


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


def next_step(planned: Planned, study: Path | None) -> str:
    """Return the command that comes next: to build what was planned, or to look at it where it is built."""
    own = size_of(planned.experiment)
    changed = [
        f" {option} {getattr(planned.design, name)}"
        for name, option in BUILD_OPTIONS.items()
        if getattr(planned.design, name) != getattr(own, name)
    ]
    if study is not None and not changed:
        return f"preview {study}"
    return f"build-hits --mode {planned.experiment['mode']}{''.join(changed)}"


def check_out(out: Path) -> None:
    """Raise GlimpseError unless `out` is absent, or holds an earlier plan and nothing else."""
    refuse_others(out, WRITTEN, "plan", "power")


def write_plan(planned: Planned, out: Path, versions: Mapping[str, str]) -> list[str]:
    """Write power.csv, sentinel_rules.csv, width_vs_price.png/pdf/svg and power.json; return their names."""
    from ..figures.figures import render, width_price_figure

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
    files |= {f"{FIGURE}.{kind}": data for kind, data in render(width_price_figure(drawn)).items()}
    record = {
        "experiment": planned.experiment,
        "design": asdict(planned.design),
        "settings": planned.settings,
        "versions": dict(versions),
    }
    files["power.json"] = json.dumps(record, indent=1, default=str) + "\n"
    for name, data in files.items():
        write_whole(out / name, data)
    return list(files)
