"""The statistics against named peers, as ratios of processor time within one run.

    python benchmarks/analysis.py [--quick] [--only bootstrap,variance,ranking,curve,...]
    python benchmarks/analysis.py --only json --judgments 1000000

bootstrap: 10,000 worker resamples of 50 workers x 110 answers, against a plain loop over resamples, and
    against a loop of the shape that the most used script of the field has (workers, then images within each).
variance: the rates of the paper's 21 cells with three-way errors, intervals and tests, against statsmodels'
    two-way errors of a mean.
ranking: Bradley-Terry on one million comparisons of 10 conditions, against choix.ilsr_pairwise. Most of our
    time goes into counting them; the fit, with its left-side term and covariance, takes a fifth.
curve: one realism curve with its clustered errors left out, as psignifit has none, against psignifit.
scale: 1 and 10 million judgments, from the bytes of a results folder (a gigabyte of JSON) to every table of
    the report, the sensitivity to the sentinel rule included: processor time, and the most memory at a time,
    helpers included; of 10 HITs with ever more workers, and of 20 workers a HIT with ever more HITs, whose
    trials and pairs are kept. The figures are left out, as they cost the same at any size.
json: 10 million judgments (or --judgments) from JSON to every table of the report, in wall time, against
    orjson parsing the same lines on one core; and the most memory at a time, helpers included.
study: the paper's limited-time study (22,000 answers) on the demo's images: `cli.py analyze` as a whole, from
    the start of the interpreter to the written report with its figures in three formats, against importing
    pandas, scipy.optimize and matplotlib.pyplot, in wall time.
Figures are medians of repeated runs; peers that take many seconds run once or on a stated part.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._measures import Watch, processor, wall_seconds
from benchmarks._sizes import some_of, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

EXPOSURES_MS = (125, 250, 500, 1000, 2000, 4000, 8000)
JUDGMENTS = {False: 10_000_000, True: 1_000_000}  # of `json`, quick or not
CONTRASTS = (("crn", "real"), ("pix2pix", "real"), ("crn", "pix2pix"))


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """Median processor time of `work`, after one run to warm up where it is repeated."""
    if repeats > 1:
        work()
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def line(name: str, ours: float, peer: str, theirs: float, aim: str = "") -> None:
    """Print one comparison; times in seconds."""
    print(
        f"{name}: {ours * 1e3:.2f} ms; {peer}: {theirs * 1e3:,.0f} ms; ratio {theirs / ours:,.0f} {aim}",
        flush=True,
    )


def bench_bootstrap(quick: bool) -> None:
    """10,000 resamples of whole workers."""
    from glimpse.analysis.statistics.preference import bootstrap_rates

    rng = np.random.default_rng(0)
    answers = rng.random((50, 110)) < rng.random((50, 1))
    resamples = 10_000

    def ours() -> Any:
        return bootstrap_rates(answers.sum(axis=1), np.full(50, 110), resamples, np.random.default_rng(1))

    def plain() -> Any:
        generator = np.random.default_rng(1)
        return [answers[generator.integers(0, 50, 50)].mean() for _ in range(resamples)]

    def nested(count: int) -> list[float]:
        generator, images, out = np.random.default_rng(1), answers.T.astype(float), []
        for _ in range(count):
            drawn = images.copy()
            rows = generator.integers(0, 110, (110, 50))
            for place, worker in enumerate(generator.integers(0, 50, 50)):
                drawn[:, place] = images[rows[:, place], worker]
            out.append(float(drawn.mean()))
        return out

    part = 500 if quick else 2000
    spread = float(np.std(ours())), float(np.std(plain()))
    mine = seconds(ours, 21)
    line("worker bootstrap", mine, "plain loop", seconds(plain, 3), "(aim: over 75)")
    line("worker bootstrap", mine, "nested loop", seconds(lambda: nested(part), 1) * resamples / part,
         f"(measured on {part:,} resamples; not the same statistic)")  # fmt: skip
    print(f"  standard errors agree: {spread[0]:.5f} and {spread[1]:.5f}")


def bench_variance(_: bool) -> None:
    """Rates of the paper's 21 cells with three-way clustered errors, intervals and tests."""
    import statsmodels.api as sm
    from statsmodels.stats.sandwich_covariance import cov_cluster_2groups

    from glimpse.analysis.reading.exclusion import exclude
    from glimpse.analysis.reading.results import read_results
    from glimpse.analysis.statistics.gathering import gather
    from glimpse.analysis.statistics.grouping import Analysed
    from glimpse.analysis.statistics.preference import preference_table

    with tempfile.TemporaryDirectory() as scratch:
        write_results(Path(scratch) / "results", 22_000)
        judgments = exclude(read_results(Path(scratch) / "results")).judgments
    gathered, table = gather(judgments), judgments.table()
    keep = gathered.analysed()
    cells = [
        cell for _, cell in table[~table["sentinel"]].groupby(["contrast", "exposure_ms"], observed=True)
    ]

    def peer() -> None:  # two ways: it knows no third
        for cell in cells:
            fit = sm.OLS(cell["chose_a"].astype(float).to_numpy(), np.ones(len(cell))).fit()
            cov_cluster_2groups(fit, cell["worker"].cat.codes.to_numpy(), cell["pair"].cat.codes.to_numpy())

    mine = seconds(lambda: preference_table(Analysed(gathered, keep)), 21)
    line(f"{len(cells)} cells, three ways", mine, "statsmodels, two ways", seconds(peer, 3))


def bench_ranking(quick: bool) -> None:
    """One million comparisons of 10 conditions."""
    import choix

    from glimpse.analysis.statistics.bradley_terry import strengths_of

    N, K = (100_000 if quick else 1_000_000), 10
    rng = np.random.default_rng(0)
    theta = np.linspace(-1, 1, K)
    left = rng.integers(0, K, N).astype(np.int8)
    right = ((left + rng.integers(1, K, N)) % K).astype(np.int8)
    chose_left = rng.random(N) < 1 / (1 + np.exp(theta[right] - theta[left]))
    winner, loser = np.where(chose_left, left, right).tolist(), np.where(chose_left, right, left).tolist()
    data = list(zip(winner, loser, strict=True))
    names = [f"c{i}" for i in range(K)]
    found: list[Any] = []

    def ours() -> None:
        # A byte a comparison, counted two bytes at a time: half as many to count, in a table of 2^16.
        which = left.view(np.uint8) * np.uint8(K) + right.view(np.uint8) + np.uint8(128) * chose_left
        twos = np.bincount(which.view(np.uint16), minlength=2**16).reshape(256, 256)
        lost, k = (twos.sum(axis=0) + twos.sum(axis=1)).reshape(2, 128)[:, : K * K].astype(float)
        found.append(strengths_of(lost + k, k, names).theta)

    mine = seconds(ours, 41)
    theirs = seconds(lambda: found.append(choix.ilsr_pairwise(K, data)), 1)
    line(f"Bradley-Terry of {N:,}", mine, "choix.ilsr_pairwise", theirs, "(aim: over 500)")
    gap = np.abs(found[0] - found[-1]).max()
    print(f"  largest difference of strengths: {gap:.1e} (ours has a left-side term)")


def bench_curve(quick: bool) -> None:
    """One curve of three parameters."""
    import psignifit

    from glimpse.analysis.statistics.choices import CURVE_SHAPES
    from glimpse.analysis.statistics.curve_fit import fit_batch

    x = np.log2(np.array(EXPOSURES_MS, dtype=float))
    n = np.full((1, 7), 1000.0)
    p = 0.5 + 0.42 / (1 + np.exp(-1.4 * (x - 9)))
    k = np.random.default_rng(0).binomial(1000, p).astype(float)[None]
    table = np.stack([x, k[0], n[0]], axis=1)
    found: list[Any] = []

    def peer() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(
                psignifit.psignifit(table, experiment_type="2AFC", sigmoid="logistic").parameter_estimate
            )

    mine = seconds(lambda: fit_batch(x, n, k, CURVE_SHAPES["logistic"], starts=1), 101)
    theirs = seconds(peer, 1 if quick else 5)
    line("one curve", mine, "psignifit", theirs, "(aim: over 1,000)")
    many_n, many_k = (
        np.repeat(n, 10_000, axis=0),
        np.random.default_rng(1).binomial(1000, np.repeat(p[None], 10_000, 0)),
    )
    batch = seconds(lambda: fit_batch(x, many_n, many_k.astype(float), CURVE_SHAPES["logistic"], starts=1), 1)
    line("a curve of a batch of 10,000", batch / 10_000, "psignifit", theirs)
    A = 1 / (1 + np.exp(-fit_batch(x, n, k, CURVE_SHAPES["logistic"]).theta[0, 0]))
    print(f"  plateaus: {A:.4f} and {1 - found[-1]['lambda']:.4f} (psignifit's has a prior)")


def write_results(folder: Path, judgments: int, workers: int = 20) -> None:
    """A results folder of about `judgments` answers: HITs of 110 trials, `workers` workers each."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    hits = max(1, round(judgments / (110 * workers)))
    cells = [(c, e, 0) for c in CONTRASTS for e in EXPOSURES_MS for _ in range(5)]
    cells += [(("image-space", "real"), 4000, 1)] * 5
    settings = {"mode": "limited-time", "real": "real", "max_wrong_sentinels": 0, "contrasts": CONTRASTS}
    (folder / "study.json").write_text(json.dumps({"study": "benchmark0000000", "experiment": settings}))
    with (folder / "trials.csv").open("w") as plan, (folder / "assignments.jsonl").open("w") as lines:
        plan.write("batch,hit,position,trial,contrast,exposure_ms,sentinel,correct_side,condition_left,item_left,"
                   "stimulus_left,condition_right,item_right,stimulus_right\n")  # fmt: skip
        for hit in range(hits):
            lefts = rng.random(110) < 0.5
            for t, ((a, b), exposure, sentinel) in enumerate(cells):
                first, second = (a, b) if lefts[t] else (b, a)
                correct = ("right" if lefts[t] else "left") if sentinel else ""
                name = f"t{hit * 110 + t}"
                plan.write(f"b1,h{hit},{t + 1},{name},{a}:{b},{exposure},{sentinel},{correct},"
                           f"{first},i{t},{name}l,{second},i{t},{name}r\n")  # fmt: skip
            for first in range(hit * workers, (hit + 1) * workers, 20):
                _write_twenty(lines, hit, first, cells, lefts, rng)


def _write_twenty(lines: Any, hit: int, first: int, cells: Any, lefts: Any, rng: np.random.Generator) -> None:
    """Twenty assignments of a HIT; `first`: number of the first worker."""
    p_a = np.array([0.01 if s else 0.3 if b == "real" else 0.8 for (_, b), _, s in cells])
    chose_left = (rng.random((20, 110)) < p_a) == lefts
    response, shown = rng.lognormal(6.8, 0.4, (20, 110)), rng.normal(0, 2, (20, 110))
    for worker in range(20):
        answers = ",".join(
            f'{{"trial":"t{hit * 110 + t}","side":"{"left" if chose_left[worker, t] else "right"}",'
            f'"response_ms":{response[worker, t]:.1f},"shown_ms":{cells[t][1] + shown[worker, t]:.1f},'
            f'"frames":{cells[t][1] // 17},"onset_ms":12.0}}' for t in range(110)
        )  # fmt: skip
        name = first + worker
        lines.write(f'{{"assignment_id":"A{name}","hit":"h{hit}","hit_id":"H{hit}","worker":"w{name:012x}",'
                    f'"status":"Submitted","accepted_at":"2026-01-02T03:04:05Z","submitted_at":"2026-01-02T03:14:05Z",'
                    f'"simulated":true,"page":{{"user_agent":"x","viewport":[1200,800],"device_pixel_ratio":1,'
                    f'"refresh_hz":60,"focus_losses":0}},"answers":[{answers}]}}\n')  # fmt: skip


def analyse(folder: Path) -> dict[str, float]:
    """Everything that `analyze` computes but the figures and the page, in this process and its helpers:
    processor time and wall time, in all and of the reading alone."""
    from glimpse.analysis.reading.results import read_results
    from glimpse.analysis.report import evaluation
    from glimpse.analysis.report.settings import AnalysisSettings

    marks: dict[str, float] = {}
    began = sum(os.times()[:4]), time.perf_counter()

    def note(name: str) -> None:
        marks[name], marks[f"{name}_wall"] = sum(os.times()[:4]) - began[0], time.perf_counter() - began[1]

    def read(*folders: Any, **options: Any) -> Any:
        results = read_results(*folders, **options)
        note("read")
        return results

    evaluation.read_results = read
    found = evaluation.evaluate([folder], AnalysisSettings())
    note("total")
    return marks | {"judgments": found.counts["judgments"]}


def in_a_process(folder: Path) -> dict[str, float]:
    """`analyse` in a process of its own, with the most memory that it and its helpers hold at a time."""
    words = [sys.executable, __file__, "--analyse", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as run:
        watch = Watch(run.pid)
        found: dict[str, float] = json.loads(run.communicate()[0])
    return found | {"peak_mb": watch.most_mb}


def bench_scale(quick: bool) -> None:
    """Time and memory at two sizes, ten times apart, in two ways of growing."""
    sizes = (100_000, 1_000_000) if quick else (1_000_000, 10_000_000)
    for growth, workers in (("10 HITs", [size // 1100 for size in sizes]), ("20 workers a HIT", [20, 20])):
        small, large = (_scaled(growth, size, each) for size, each in zip(sizes, workers, strict=True))
        bytes_each = (large["peak_mb"] - small["peak_mb"]) * 1e6 / (large["judgments"] - small["judgments"])
        print(f"{growth}: ten times the judgments cost {large['total'] / small['total']:.1f} times the time; "
              f"{bytes_each:.0f} bytes of peak memory a judgment "
              f"({110 * bytes_each:,.0f} an assignment)")  # fmt: skip


def _scaled(growth: str, size: int, workers: int) -> dict[str, float]:
    """Write a results folder, analyse it in a process of its own, and print what it took."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "results"
        write_results(folder, size, workers)
        found = in_a_process(folder)
    print(f"{growth}, {found['judgments']:,.0f} judgments: {found['total']:.1f} s of processor time "
          f"({found['read']:.1f} s to read), peak {found['peak_mb']:,.0f} MB", flush=True)  # fmt: skip
    return found


def bench_json(quick: bool) -> None:
    """From JSON to every table, against a parser alone."""
    import orjson

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "results"
        write_results(folder, JUDGMENTS[quick], max(20, JUDGMENTS[quick] // 1100))

        def peer() -> None:
            with (folder / "assignments.jsonl").open("rb") as lines:
                for raw in lines:
                    orjson.loads(raw)

        parsing = statistics.median(wall_seconds(peer) for _ in range(3))
        found = sorted((in_a_process(folder) for _ in range(3)), key=lambda marks: marks["total_wall"])[1]
    print(f"{found['judgments']:,.0f} judgments on {processor()}: orjson alone {parsing:.1f} s; reading "
          f"{found['read_wall']:.1f} s, ratio {found['read_wall'] / parsing:.2f} (aim: 1.2); to every table "
          f"{found['total_wall']:.1f} s, ratio {found['total_wall'] / parsing:.2f} (aim: at most 2); peak "
          f"{found['peak_mb']:,.0f} MB (aim: at most 400)", flush=True)  # fmt: skip


def bench_study(_: bool) -> None:
    """The paper's limited-time study on the demo's images, in fresh processes."""
    glimpse = [sys.executable, str(Path(__file__).resolve().parent.parent / "cli.py")]
    imports = [sys.executable, "-c", "import pandas, scipy.optimize, matplotlib.pyplot"]
    with tempfile.TemporaryDirectory() as scratch:

        def run(*words: str) -> None:
            subprocess.run(words, cwd=scratch, capture_output=True, check=True)

        run(*glimpse, "synthesize")
        run(*glimpse, "build-hits", "--mode", "limited-time")
        run(*glimpse, "simulate")
        analyze = [*glimpse, "analyze", "results", "--images", "images"]
        run(*analyze)  # and compile what is imported
        taken = [(wall_seconds(lambda: run(*analyze)), wall_seconds(lambda: run(*imports))) for _ in range(5)]
    whole, bare = (statistics.median(column) for column in zip(*taken, strict=True))
    ratio = statistics.median(ours / peer for ours, peer in taken)
    print(f"the paper's study (22,000 answers) on {processor()}: analyze {whole:.2f} s; importing pandas, "
          f"scipy.optimize and matplotlib.pyplot {bare:.2f} s; ratio {ratio:.2f} "
          "(aim: at most 2)", flush=True)  # fmt: skip


BENCHES = {"bootstrap": bench_bootstrap, "variance": bench_variance, "ranking": bench_ranking,
           "curve": bench_curve, "scale": bench_scale, "json": bench_json, "study": bench_study}  # fmt: skip


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes, for a look")
    parser.add_argument("--only", type=some_of(BENCHES), default=list(BENCHES), help="which, by name")
    parser.add_argument("--judgments", type=whole_number(1), help="how many `json` reads")
    parser.add_argument("--analyse", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.analyse:
        print(json.dumps(analyse(options.analyse)))
        return
    if options.judgments:
        JUDGMENTS[options.quick] = options.judgments
    for name in options.only:
        BENCHES[name](options.quick)


if __name__ == "__main__":
    main()
