"""`power` from settings to files: the experiment read, the tables computed, said in words, written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glimpse.clips import is_video
from glimpse.context import Context
from glimpse.duration import hourly_usd, minutes
from glimpse.errors import GlimpseError
from glimpse.experiment_checks import LARGEST_REWARD_USD
from glimpse.files import refuse_others, write_whole
from glimpse.images import is_image, is_left_behind, item_of
from glimpse.precision import PAPER_IMAGES, SPREADS, TYPICAL, Spread
from glimpse.program import program
from glimpse.progress import untracked
from glimpse.questions import questions_of
from glimpse.stated import allowed_wrong
from glimpse.study import read_document
from glimpse.text import counted
from glimpse.trials import iterate_trials

from .power import plan_table, sentinel_rules
from .size import is_amount, size_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from glimpse.progress import Track
    from glimpse.trials import Trial

    from .size import StudySize


IMAGES = Path("images")  # where build-hits looks
LARGEST_SPREAD = 5
FIGURE = "width_vs_price"
WRITTEN = (
    "power.csv",
    "ranking_power.csv",
    "single_power.csv",
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


def known_images(study: Path | None, folder: Path = IMAGES) -> tuple[int, str]:
    """Return how many images a condition has, and where that is known from.

    Those of the study's trials; without one, those that every condition in `folder` has; else the paper's.
    """
    if study is not None:
        return shown_images(iterate_trials(study / "trials.csv")), f"as {study} shows"
    if found := _images_in(folder):
        return found, f"as {folder} holds"
    return PAPER_IMAGES, "as in the paper; yours with --images"


def shown_images(trials: Iterable[Trial]) -> int:
    """Return how many images a condition of a study has: every item of its trials has one."""
    return len({item for trial in trials for item in (trial.item_left, trial.item_right)} - {""})


def _images_in(folder: Path) -> int:
    inside = folder.iterdir() if folder.is_dir() else ()
    conditions = [path for path in inside if path.is_dir() and not is_left_behind(path.name)]
    items = [
        {item_of(path) for path in one.iterdir() if is_image(path) or is_video(path)} for one in conditions
    ]
    return len(set.intersection(*items)) if items else 0


def plan_power(
    experiment: Mapping[str, Any],
    *,
    changes: Mapping[str, int | str | None],
    rates: Sequence[float],
    spreads: Sequence[tuple[float, float]],
    image_spread: float | None = None,
    settings: Mapping[str, Any],
    track: Track = untracked,
) -> Planned:
    """Simulate the planned study and its variants. Every number is checked before anything is simulated.

    spreads: (worker, pair) standard deviations; none: SPREADS. image_spread: that of images, in every one of
    them; None: the typical one, or those of SPREADS.
    """
    _check(changes.get("reward_usd"), rates, spreads, image_spread, settings["alpha"])
    design = size_of(experiment, **changes)
    named = _named(spreads, image_spread)
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


def _named(spreads: Sequence[tuple[float, float]], image: float | None) -> dict[str, Spread]:
    if not spreads:
        return {name: one if image is None else one._replace(image=image) for name, one in SPREADS.items()}
    full = [Spread(*one, TYPICAL.image if image is None else image) for one in spreads]
    return {" / ".join(f"{sd:g}" for sd in one): one for one in full}


def _check(
    reward: object,
    rates: Sequence[float],
    spreads: Sequence[tuple[float, float]],
    image: float | None,
    alpha: float,
) -> None:
    """Raise GlimpseError that names the option with a value that no plan can have."""
    if reward is not None and not _is_reward(str(reward)):
        raise GlimpseError(
            f"--reward is {reward}; it must be dollars and cents from 0 to {LARGEST_REWARD_USD}, "
            "for example 1.50."
        )
    if not rates:
        raise GlimpseError("--rate is empty; give one true rate at least, for example 0.6.")
    for rate in rates:
        if not 0 < rate < 1:
            raise GlimpseError(f"--rate is {rate:g}; it must lie between 0 and 1, for example 0.6.")
    for worker, pair in spreads:
        if not (0 <= worker <= LARGEST_SPREAD and 0 <= pair <= LARGEST_SPREAD):
            raise GlimpseError(
                f"--spread is {worker:g} {pair:g}; both standard deviations must be from 0 to "
                f"{LARGEST_SPREAD}, for example 0.25 0.15."
            )
    if image is not None and not 0 <= image <= LARGEST_SPREAD:
        raise GlimpseError(
            f"--image-spread is {image:g}; it must be from 0 to {LARGEST_SPREAD}, for example 0.3."
        )
    if not 0 < alpha < 1:
        raise GlimpseError(f"--alpha is {alpha:g}; it must lie between 0 and 1, for example 0.05.")


def _is_reward(text: str) -> bool:
    try:
        return is_amount(Decimal(text))
    except InvalidOperation:
        return False


def known_contexts(study: Path | None) -> list[Context]:
    """Return the prompts and references of a study's items, which take time."""
    stated = read_document(study / "study.json").get("contexts", {}) if study is not None else {}
    return [Context.from_json(one) for one in stated.values()]


def describe(planned: Planned, contexts: Sequence[Context] = ()) -> list[str]:
    """Return the plan in lines for a terminal; `contexts` are those of the study's items."""
    design, table = planned.design, planned.table
    cost = float(table.loc[table["planned"], "price_usd"].iloc[0])
    batches = f"{design.batches} batches of " if design.batches > 1 else ""
    lines = [
        (
            f"{planned.experiment['mode']}: {batches}{counted(design.batch_hits, 'HIT')} of "
            f"{counted(design.workers_per_hit, 'worker')} at ${design.reward_usd}: ${cost:,.2f} with "
            "Mechanical Turk's fees; your own server has none."
        ),
        _pay_line(planned, contexts),
        (
            f"A cell has {counted(design.answers, 'answer')} of {counted(design.workers, 'worker')} on "
            f"{counted(design.pairs, 'trial')}."
        ),
        *_image_lines(planned),
        "",
        "As planned: full width of the 95 % interval, and power (chance that the test finds it), by how much",
        "workers, pairs and images differ (standard deviations in probit units).",
        *_precision_lines(table),
        "",
    ]
    lines += _planned_lines(table)
    lines += ["", f"What money and images buy (rate {_middle(table):g}, spread {_typical(table)}):", ""]
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


def _pay_line(planned: Planned, contexts: Sequence[Context]) -> str:
    """Say how long a HIT takes, and what it pays an hour."""
    design, experiment = planned.design, planned.experiment
    shown = zip(cycle(experiment["exposures_ms"]), cycle(contexts or [None]), strict=False)
    takes = minutes(
        islice(shown, design.layout.trials),
        questions_of(experiment),
        break_every=experiment.get("break_every") or 0,
    )
    hourly = hourly_usd(design.reward_usd, takes)
    return f"A HIT takes about {counted(takes, 'minute')}: ${hourly} an hour."


def _image_lines(planned: Planned) -> list[str]:
    source = planned.settings.get("images_from", "")
    recurring = planned.table.loc[planned.table["planned"], "pairs_per_image"].iloc[0]
    return [
        f"Each condition has {counted(planned.design.images, 'image')}{source and f' ({source})'}.",
        f"An image that a cell shows stands in {recurring:.1f} of its trials on average."
        if round(recurring, 1) > 1
        else "An image that a cell shows stands in one of its trials.",
    ]


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
    width = max(9, *(len(name) for name in rows["spread"]))
    head = f"  {'spread':{width}s} worker  pair  image   "
    lines = [head + "   ".join(f"true rate {100 * rate:g} %" for rate in rates)]
    for name in dict.fromkeys(rows["spread"]):
        mine = rows[rows["spread"] == name]
        first = mine.iloc[0]
        cells = [f"{100 * r.width:5.1f} %, {100 * r.power:4.0f} %" for r in _rows(mine)]
        sds = f"{first.worker_sd:6.2f} {first.pair_sd:5.2f} {first.image_sd:6.2f}"
        lines.append(f"  {name:{width}s} {sds}   " + "   ".join(cells))
    return lines


def _variant_lines(table: pd.DataFrame) -> list[str]:
    rows = table[(table["rate"] == _middle(table)) & (table["spread"] == _typical(table))]
    lines = ["  vary             HITs  workers/HIT trials  images  answers       price   width   power"]
    for row in _rows(rows):
        mark = "  <- as planned" if row.planned else ""
        lines.append(
            f"  {row.vary:15s} {row.hits:5d} {row.workers_per_hit:12d} {row.pairs:6d} {row.images:7d} "
            f"{row.answers:8d} {row.price_usd:11,.2f} {100 * row.width:5.1f} % {100 * row.power:5.0f} %{mark}"
        )
    return lines


def next_step(planned: Planned, study: Path | None) -> str:
    """Return the command that comes next: to build what was planned, or to look at it where it is built."""
    own = size_of(planned.experiment)
    sizes = [{**vars(one), "hits": one.batch_hits} for one in (planned.design, own)]
    changed = [
        f" {option} {sizes[0][name]}"
        for name, option in BUILD_OPTIONS.items()
        if sizes[0][name] != sizes[1][name]
    ]
    if study is not None and not changed:
        return f"preview {study}"
    return f"build-hits --mode {planned.experiment['mode']}{''.join(changed)}"


def note_of_drawn(experiment: Mapping[str, Any], study: Path | None, images: int) -> str:
    """Say that cells are not what a server draws, and what plans that; empty where trials are planned."""
    if experiment.get("allocation") != "adaptive":
        return ""
    systems = len({name for contrast in experiment["contrasts"] for name in contrast})
    options = f"--systems {systems} --images {images} --allocation adaptive"
    if experiment.get("first"):
        options += f" --first {experiment['first']}"
    return (
        f"the server draws the trials of {study}, and these cells are planned as if trials were dealt "
        "evenly: drawn ones tell more about the leading conditions, and less about the others. What is "
        f"drawn is planned by {program()} power {options}"
    )


def _listed(row: Any) -> str:
    return f"{row.worker_sd:g} / {row.pair_sd:g} / {row.image_sd:g}"


def check_out(out: Path) -> None:
    """Raise GlimpseError unless `out` is absent, or holds an earlier plan and nothing else."""
    refuse_others(out, WRITTEN, "plan", "power")


def write_plan(planned: Planned, out: Path, versions: Mapping[str, str]) -> list[str]:
    """Write power.csv, sentinel_rules.csv, width_vs_price.png/pdf/svg and power.json; return their names."""
    from ..figures.figures import render, width_price_figure

    table = planned.table[planned.table["rate"] == _middle(planned.table)]
    table = table[table["vary"] != "images"]  # which cost nothing
    drawn = table.assign(
        panel=[row.spread if "/" in row.spread else f"{row.spread} ({_listed(row)})" for row in _rows(table)],
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
