"""Scores of a metric, one image a row: read with every fault named by file and line."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from glimpse.errors import GlimpseError
from glimpse.images import same_name
from glimpse.tables import Table, read_table
from glimpse.text import counted

from .design import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

LOWER, HIGHER = "lower", "higher"
COLUMNS = ("item", "condition", "value")
METRIC = "metric"  # a column that may be there
LINES_NAMED = 5
SHOWN = 40  # characters of a value that is no number
LARGEST = 1e100  # of a value: what is larger overflows where differences are squared
# Words in a metric's name that tell which way is better.
LOWER_IS_BETTER = (
    "lpips", "fid", "kid", "cmmd", "dists", "mse", "rmse", "mae", "l1", "l2", "niqe", "brisque", "pieapp",
    "distance", "error", "loss",
)  # fmt: skip
HIGHER_IS_BETTER = (
    "psnr", "ssim", "msssim", "clip", "clipscore", "vqascore", "imagereward", "pickscore", "hps", "hpsv2",
    "aesthetic", "musiq", "maniqa", "reward", "similarity", "realism", "quality",
)  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """What one metric says of images.

    name: the metric's. direction: "lower" or "higher", which is better. table: item, condition, value, one
    row an image, value finite; and line, where it stands in the file. file: where they were read, empty for
    none. problems: what was left out.
    """

    name: str
    direction: str
    table: pd.DataFrame
    file: str = ""
    problems: tuple[Problem, ...] = ()


class _Row(NamedTuple):
    line: int
    item: str
    condition: str
    value: str


def read_scores(files: Sequence[Path], directions: Sequence[str] = ()) -> list[Scores]:
    """Read files with the columns item, condition and value; a column metric, if there is one, names metrics.

    Args:
        files: A file without a column `metric` holds one metric, named like the file.
        directions: "lower" or "higher" for all of them, "NAME=lower" for one; a usual name needs none.

    Returns:
        One Scores a metric, in the order in which they occur.

    Raises:
        GlimpseError: A file cannot be read, lacks a column or has no score; a metric is there twice; it is
            not known which way is better.
    """
    stated = _stated(directions)
    if stated and not files:
        raise GlimpseError(
            "--metric-direction is given without --metric; name the metric's file with --metric, or leave "
            "the direction out."
        )
    found: dict[str, Scores] = {}
    for file in files:
        for name, rows, problems in _read(file):
            if name in found:
                raise GlimpseError(
                    f"{file}: metric {name!r} is in {found[name].file} as well; rename one of the files."
                )
            table, own = _table(rows, str(file))
            if table.empty:
                raise GlimpseError(_no_value(file, name, own))
            found[name] = Scores(name, _direction(name, stated), table, str(file), (*problems, *own))
    if unused := sorted(set(stated) - {"", *found}):
        raise GlimpseError(
            f"--metric-direction names {unused[0]!r}; the metrics are {', '.join(found) or 'none'}."
        )
    return list(found.values())


def _stated(directions: Iterable[str]) -> dict[str, str]:
    """Return metric -> direction; the empty name is that of all others."""
    stated: dict[str, str] = {}
    for text in directions:
        name, _, direction = text.rpartition("=")
        if direction not in (LOWER, HIGHER):
            raise GlimpseError(
                f"--metric-direction {text!r}: allowed are lower and higher, for one metric like lpips=lower."
            )
        if stated.setdefault(name, direction) != direction:
            raise GlimpseError(f"--metric-direction says both for {name or 'all metrics'}; say it once.")
    return stated


def usual_direction(metric: str) -> str | None:
    """Return which way is better by a usual name, such as LPIPS's or CLIP's; None where it does not tell.

    >>> usual_direction("LPIPS_vgg"), usual_direction("clip-score"), usual_direction("ours")
    ('lower', 'higher', None)
    """
    words = set(re.split(r"[^a-z0-9]+", metric.lower()))
    lower, higher = words & {*LOWER_IS_BETTER}, words & {*HIGHER_IS_BETTER}
    if bool(lower) == bool(higher):
        return None
    return LOWER if lower else HIGHER


def _direction(name: str, stated: Mapping[str, str]) -> str:
    """Return which way is better, by what was stated or by a usual name; GlimpseError where neither tells."""
    found = stated.get(name) or stated.get("") or usual_direction(name)
    if found is None:
        raise GlimpseError(
            f"Is a lower or a higher {name!r} better? Its name does not tell; say lower or higher with "
            f"--metric-direction (for one of several metrics {name}=lower)."
        )
    return found


def _read(file: Path) -> Iterator[tuple[str, list[_Row], list[Problem]]]:
    """Read one file: each metric's name, rows and problems."""
    problems: list[Problem] = []
    by_metric: dict[str, list[_Row]] = {}
    for name, row in _rows(read_table(file, COLUMNS), file, problems):
        by_metric.setdefault(name, []).append(row)
    if not by_metric:
        first = f" {problems[0]}." if problems else ""
        raise GlimpseError(f"{file}: no scores below its header.{first} It needs {_wanted()}.")
    for place, (name, rows) in enumerate(by_metric.items()):
        yield name, rows, problems if not place else []


def _rows(table: Table, file: Path, problems: list[Problem]) -> Iterator[tuple[str, _Row]]:
    head = [name.lower() for name in table.head]
    missing = [name for name in COLUMNS if name not in head]
    if missing:
        raise GlimpseError(
            f"{file}: column(s) {', '.join(missing)} are missing; found {', '.join(head)}. "
            f"It needs {_wanted()}."
        )
    place = [head.index(name) for name in COLUMNS]
    metric = head.index(METRIC) if METRIC in head else None
    for line, cells in table.rows:
        if len(cells) != len(head):
            problems.append(
                Problem(str(file), line, f"{len(cells)} cells, the header has {len(head)}; left out")
            )
            continue
        item, condition, value = (cells[column].strip() for column in place)
        name = file.stem if metric is None else cells[metric].strip()
        if not (item and condition and name):
            problems.append(Problem(str(file), line, "a name is missing; left out"))
            continue
        yield name, _Row(line, same_name(item), same_name(condition), value)


def _wanted() -> str:
    return "the columns item, condition, value"


def _table(rows: Sequence[_Row], file: str) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the finite values, one an image, and what was left out."""
    problems = []
    first: dict[tuple[str, str], tuple[float, int]] = {}
    for row in rows:
        image, value = (row.item, row.condition), _value(row.value)
        if wrong := fault(value):
            shown = f"{row.value[:SHOWN]}…" if len(row.value) > SHOWN else row.value
            problems.append(Problem(file, row.line, f"value is {shown!r}, {wrong}; left out"))
        elif image in first:
            text = f"item {row.item!r} of {row.condition} is there again; the first value counts"
            problems.append(Problem(file, row.line, text))
        else:
            first[image] = value, row.line
    table = [(*image, value, line) for image, (value, line) in first.items()]
    kinds = {"item": str, "condition": str, "value": float, "line": int}
    return pd.DataFrame(table, columns=list(kinds)).astype(kinds), problems


def _value(text: str) -> float:
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
    # 1e309 is a number, which a float cannot hold; inf is none.
    return math.nan if math.isinf(value) and "inf" in text.lower() else value


def fault(value: float) -> str:
    """Return why a value cannot be used; empty where it can."""
    if math.isnan(value):
        return "not a number"
    return f"not between {-LARGEST:g} and {LARGEST:g}" if abs(value) > LARGEST else ""


def _no_value(file: Path, name: str, problems: Sequence[Problem]) -> str:
    """Say that no value of a metric can be used, and why in the first lines."""
    return (
        f"{file}: no value of {name} can be used.{_left_out(problems)} Write values as plain numbers with a "
        "decimal point, such as 0.01."
    )


def _left_out(problems: Sequence[Problem]) -> str:
    """Name the first lines that were left out, and why; nothing where none was."""
    if not problems:
        return ""
    first = [f"line {problem.line}: {problem.text.removesuffix('; left out')}" for problem in problems]
    more = [f"and {len(first) - LINES_NAMED} more"] if len(first) > LINES_NAMED else []
    return f" Left out: {'; '.join([*first[:LINES_NAMED], *more])}."


def matched(scores: Scores, trials: pd.DataFrame, stimulus: str = "image") -> Scores:
    """Return scores with what does not fit the study among their problems.

    Args:
        scores: As `read_scores` gives them.
        trials: The study's, with condition_a, item_a, condition_b, item_b, sentinel and practice.
        stimulus: What it shows, in a word: image or clip.

    Raises:
        GlimpseError: No trial shows two images that both have a value.
    """
    scores = replace(scores, table=_named_as(trials, scores.table))
    genuine = trials[~(trials["sentinel"] | trials["practice"])]
    a, b = (_images(genuine, side) for side in "ab")
    known = pd.MultiIndex.from_frame(scores.table[["item", "condition"]])
    if not (a.isin(known) & b.isin(known)).any():
        example = f"{a[0][1]} (such as {a[0][0]!r}) and {b[0][1]} (such as {b[0][0]!r})"
        raise GlimpseError(
            f"{scores.file or scores.name}: no trial shows two {stimulus}s that have a value of "
            f"{scores.name}. The study compares, among others, items of {example}; both sides of a pair need "
            f"a value.{_left_out(scores.problems)}"
        )
    shown = a.append(b).unique()
    strange = ~(known.isin(_images(trials, "a")) | known.isin(_images(trials, "b")))
    conditions = {*trials["condition_a"].astype(str), *trials["condition_b"].astype(str)}
    problems = [
        *_unknown(scores, strange, conditions),
        *_missing(scores, shown[~shown.isin(known)], shown, stimulus),
    ]
    return replace(scores, problems=(*scores.problems, *problems))


def _named_as(trials: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Write the table's names as the trials do, which may write accents in another way."""
    found = {}
    for name in ("item", "condition"):
        own = pd.concat([trials[f"{name}_a"], trials[f"{name}_b"]]).astype(str).unique()
        forms = {same_name(text): text for text in own}
        found[name] = table[name].map(lambda text, forms=forms: forms.get(same_name(text), text))
    return table.assign(**found)


def _images(trials: pd.DataFrame, side: str) -> pd.MultiIndex:
    """Item and condition of each trial's image on a side."""
    return pd.MultiIndex.from_arrays([trials[f"{name}_{side}"].astype(str) for name in ("item", "condition")])


def _unknown(scores: Scores, strange: NDArray[np.bool_], conditions: Collection[str]) -> list[Problem]:
    """Images with a value that no trial shows: a problem for conditions that the study does not have, and one
    for items; each names the first lines."""
    rows = scores.table[strange]
    known = rows["condition"].isin(conditions)
    problems = []
    for some, kind in ((rows[~known], "condition"), (rows[known], "item")):
        if len(some):
            item, condition = some.iloc[0][["item", "condition"]]
            named = f"item {item!r} of {condition}" if kind == "item" else f"condition {condition!r}"
            lines = some["line"].tolist() if "line" in some else [None] * len(some)
            text = f"{named} is in no trial; left out{_more(lines[1:])}"
            problems.append(Problem(scores.file or scores.name, lines[0], text))
    return problems


def _more(lines: Sequence[int | None]) -> str:
    """Say what else is left out: ", as are 2 more values (lines 7 and 9)"."""
    if not lines:
        return ""
    numbers = [str(line) for line in lines[:LINES_NAMED] if line is not None]
    numbers += ["..."] * (len(lines) > LINES_NAMED)
    one = len(lines) == 1
    where = f" (line{'' if one else 's'} {', '.join(numbers)})" if numbers[:1] not in ([], ["..."]) else ""
    return f", as {'is' if one else 'are'} {len(lines)} more value{'' if one else 's'}{where}"


def _missing(scores: Scores, lacking: pd.MultiIndex, shown: pd.MultiIndex, stimulus: str) -> list[Problem]:
    """Stimuli without a value, a problem a condition."""
    problems = []
    wanted = Counter(condition for _, condition in shown)
    for condition in sorted({condition for _, condition in lacking}):
        items = sorted(item for item, name in lacking if name == condition)
        shown_there = counted(wanted[condition], stimulus)
        text = f"no value of {scores.name} for {len(items)} of {shown_there} of {condition}"
        text += f", such as item {items[0]!r}" if len(items) < wanted[condition] else ""
        problems.append(Problem(scores.file or scores.name, None, f"{text}; pairs with them are left out"))
    return problems
