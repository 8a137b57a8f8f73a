"""How often 95 % intervals hold the truth, and how often tests reject what is true, by simulation.

    python benchmarks/coverage.py [--replications 2000] [--studies 200] [--out docs/coverage.md]
    python benchmarks/coverage.py --only studies,null --keep so-far.json

Answers are drawn from a model in which workers, pairs and images differ (`_drawing.py`), and analysed by the
functions that `analyze` uses: once as before version 0.2.0, clustered by worker and pair, and once as now, by
worker, image of one side and image of the other. `_claims.py` says what each statistic claims of them.

All rows get a part of their studies, then the next part: the page has the same number in each row of a table
whenever it is looked at, and with `--keep` an interrupted run resumes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

# The package, not the benchmark of the same name that stands beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._claims import (
    STATISTICS,
    Truth,
    null_truth,
    rate_claims,
    unlimited_truth,
    whole_truth,
)
from benchmarks._document import markdown
from benchmarks._drawing import (
    FEW,
    LIMITED,
    PARTIAL,
    UNEQUAL,
    UNLIMITED,
    Setting,
    draw_cells,
    draw_study,
)
from benchmarks._sizes import some_of, whole_number
from glimpse.analysis.statistics.choices import CLUSTERS, STANDARD
from glimpse.analysis.statistics.grouping import Analysed
from glimpse.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks._claims import Statistic
    from benchmarks._drawing import Drawn

    # Of each name, before and now: the sum of what is claimed, and how many claims.
    Sums = dict[str, list[list[float]]]

BEFORE = "two-way"
NOW = STANDARD.name
SELDOM = 4
BLOCK, CELLS = 200_000, 100  # answers, and cells, analysed at a time
PART = {"rates": 250, "studies": 25, "null": 25}  # cells or studies of a row, before the next row
IMAGES = (8, 16, 24, 50, 200)
RATES = (0.5, 0.75, 0.95)
TITLES = {
    "rates": "Preference rates",
    "studies": "Whole studies",
    "null": "Whole studies of conditions that nobody can tell apart",
}


def claims_of(studies: Iterable[tuple[Drawn, Truth]], statistics: Iterable[Statistic] = STATISTICS) -> Sums:
    """Return, for each name, what the statistics claim: sums and counts, before (of every SELDOM-th study,
    which is enough to show how far off it was) and now."""
    found: Sums = defaultdict(lambda: [[0.0, 0], [0.0, 0]])
    for number, (drawn, truth) in enumerate(studies):
        gathered = drawn.gathered()
        keep = gathered.analysed()
        for way, cluster in enumerate((BEFORE, NOW)):
            if cluster == BEFORE and number % SELDOM:
                continue
            answers = Analysed(gathered, keep, CLUSTERS[cluster])
            for statistic in statistics:
                for name, values in statistic(answers, truth).items():
                    found[name][way][0] += float(np.sum(values))
                    found[name][way][1] += len(values)
    return dict(found)


def added(mine: Sums, other: Sums) -> Sums:
    """Both."""
    nothing = [[0.0, 0], [0.0, 0]]
    return {
        name: (np.array(mine.get(name, nothing)) + np.array(other.get(name, nothing))).tolist()
        for name in {**mine, **other}
    }


def cells(
    setting: Setting, rate: float, count: int, rng: np.random.Generator
) -> Iterator[tuple[Drawn, Truth]]:
    """Studies of which one cell is looked at, many at a time."""
    size = setting.hits * setting.workers_per_hit * setting.trials_per_cell
    at_once = int(np.clip(BLOCK // size, 2, CELLS))
    for done in range(0, count, at_once):
        here = min(at_once, count - done)
        truth = Truth({(f"a{k}:b{k}", 0.0): rate for k in range(here)}, {}, {})
        yield draw_cells(setting, rate, here, rng), truth


def studies(
    setting: Setting, truth: Truth, count: int, rng: np.random.Generator
) -> Iterator[tuple[Drawn, Truth]]:
    """Whole studies, of limited time where the truth has several exposures."""
    contrasts = dict.fromkeys(name for name, _ in truth.rates)
    exposures = sorted({at for _, at in truth.rates})
    rates = {name: np.array([truth.rates[name, at] for at in exposures]) for name in contrasts}
    for _ in range(count):
        yield draw_study(setting, rates, rng), truth


def about(setting: Setting) -> str:
    """What tells a row of a table from the others."""
    pairing = ", same item" if setting.same_item else ""
    differ = "" if setting.image else " that do not differ"
    return f"{setting.name}, {setting.images} images{differ}{pairing}"


@dataclass(frozen=True)
class Row:
    """A row of a table: a setting; one true rate of single cells, or the truth of whole studies."""

    setting: Setting
    seed: tuple[int, ...]
    rate: float | None = None
    truth: Truth | None = None

    @property
    def head(self) -> dict[str, str]:
        """The columns that name the row."""
        rate = {} if self.rate is None else {"true rate": f"{self.rate:g}"}
        return {"study": about(self.setting)} | rate

    def measured(self, part: int, count: int) -> Sums:
        """Simulate one part of the row's cells or studies."""
        rng = np.random.default_rng((*self.seed, part))
        if self.truth is None:
            found = claims_of(cells(self.setting, self.rate or 0, count, rng), [rate_claims])
            left_out = {"any rate = 1/2, Holm ?"}
        else:
            found = claims_of(studies(self.setting, self.truth, count, rng))
            left_out = {"naive", "width"}
        return {name: sums for name, sums in found.items() if name not in left_out}


def rate_rows(seed: int) -> list[Row]:
    """Coverage of preference rates, a row a setting and rate."""
    settings = [replace(design, images=n) for design in (LIMITED, UNLIMITED) for n in IMAGES]
    settings += [replace(LIMITED, same_item=True), replace(LIMITED, image=0.0), FEW, UNEQUAL, PARTIAL]
    wanted = [(setting, rate) for setting in settings for rate in RATES]
    return [Row(setting, (seed, 0, n), rate=rate) for n, (setting, rate) in enumerate(wanted)]


def study_rows(limited: Truth, unlimited: Truth, seed: tuple[int, int]) -> list[Row]:
    """Coverage and rejections in whole studies, a row a setting."""
    settings = [replace(LIMITED, images=n) for n in IMAGES]
    settings += [replace(LIMITED, same_item=True), replace(LIMITED, image=0.0), PARTIAL]
    rows = [Row(setting, (*seed, n), truth=limited) for n, setting in enumerate(settings)]
    settings = [*(replace(UNLIMITED, images=n) for n in IMAGES), FEW, UNEQUAL]
    return rows + [Row(setting, (*seed, 100 + n), truth=unlimited) for n, setting in enumerate(settings)]


def shown(found: Sums) -> dict[str, str]:
    """Percentages as a table shows them, "before -> now", or one where both are the same."""
    texts = {
        name: [f"{100 * total / count:.1f}" if count else "-" for total, count in both]
        for name, both in found.items()
    }
    return {name: " -> ".join(dict.fromkeys(both)) for name, both in texts.items()}


MARK = "<!-- measured: everything below is written by benchmarks/coverage.py -->"


class SoFar:
    """What is measured by now: of each row its sums, and how many cells or studies they are of."""

    def __init__(self, seed: int, keep: Path | None) -> None:
        self.seed, self.keep = seed, keep
        self.tables = {
            "rates": rate_rows(seed),
            "studies": study_rows(whole_truth(), unlimited_truth(), (seed, 1)),
            "null": study_rows(null_truth(), null_truth((0.0,)), (seed, 2)),
        }
        self.rows = {row.seed: row for rows in self.tables.values() for row in rows}
        known = json.loads(keep.read_text()) if keep and keep.exists() else []
        self.found: dict[tuple[int, ...], tuple[int, Sums]] = {
            tuple(place): (done, sums) for place, done, sums in known
        }

    def done(self, row: Row) -> int:
        """How many cells or studies of a row there are."""
        return self.found.get(row.seed, (0, {}))[0]

    def add(self, row: Row, count: int, sums: Sums) -> None:
        """Add a part of a row, and keep it."""
        done, before = self.found.get(row.seed, (0, {}))
        self.found[row.seed] = (done + count, added(before, sums))
        if self.keep:
            write_whole(self.keep, json.dumps([[key, *value] for key, value in self.found.items()]))

    def markdown(self) -> str:
        """The tables that have rows."""
        parts = [f"Seed {self.seed}; a share of 95 % of 2,000 has a Monte Carlo error of 0.5.", ""]
        for name, rows in self.tables.items():
            known = [row for row in rows if self.done(row)]
            if not known:
                continue
            counts = sorted({self.done(row) for row in known})
            one, more = ("cell", "cells") if name == "rates" else ("study", "studies")
            unit = one if counts[-1] == 1 else more
            count = " to ".join(f"{one:,}" for one in dict.fromkeys((counts[0], counts[-1])))
            table = markdown([row.head | shown(self.found[row.seed][1]) for row in known])
            parts += [f"## {TITLES[name]}", "", f"{count} {unit} a row.", "", table, ""]
        return "\n".join(parts)


def measure(so_far: SoFar, wanted: dict[str, int], jobs: int, out: Path | None) -> None:
    """Simulate until every row has what is wanted of its table; `out` is rewritten after every part."""
    with ProcessPoolExecutor(jobs) as pool:
        while True:
            least = {name: min(map(so_far.done, so_far.tables[name])) for name in wanted}
            tasks = [
                (row, count, pool.submit(row.measured, least[name], count))
                for name in wanted
                for row in so_far.tables[name]
                for count in [min(PART[name], wanted[name] - least[name])]
                if so_far.done(row) == least[name] and count > 0
            ]
            if not tasks:
                return
            for row, count, task in tasks:
                so_far.add(row, count, task.result())
            if out is None:
                continue
            text = out.read_text(encoding="utf-8") if out.exists() else ""
            head = text.partition(MARK)[0] or "# Coverage\n\n"
            write_whole(out, head + MARK + "\n\n" + so_far.markdown())


def main() -> None:
    """Simulate, print, and rewrite the measured part of a page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replications", type=whole_number(1), default=2000, help="cells simulated a row")
    parser.add_argument("--studies", type=whole_number(1), default=200, help="whole studies simulated a row")
    parser.add_argument("--seed", type=whole_number(0), default=0)
    parser.add_argument("--only", type=some_of(TITLES), default=list(TITLES), help="which tables, by name")
    parser.add_argument("--keep", type=Path, help="a file of what is simulated so far, to go on from")
    parser.add_argument(
        "--jobs", type=whole_number(1, 256), default=os.cpu_count(), help="rows simulated at a time"
    )
    parser.add_argument("--out", type=Path, help="file of which everything below the mark is replaced")
    options = parser.parse_args()
    began, so_far = time.perf_counter(), SoFar(options.seed, options.keep)
    wanted = {name: options.replications if name == "rates" else options.studies for name in options.only}
    measure(so_far, wanted, options.jobs, options.out)
    print(so_far.markdown())
    print(f"{time.perf_counter() - began:.0f} s" + (f"; wrote {options.out}" if options.out else ""))


if __name__ == "__main__":
    main()
