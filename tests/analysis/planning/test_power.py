"""`power`: the planner's statistics against those of `analyze`, known probabilities, and what it prints."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from glimpse.analysis.planning.power import (
    StudySize,
    _batch,
    plan_table,
    sentinel_rules,
    simulate_cell,
    size_of,
    variants,
    wilson,
)
from glimpse.analysis.statistics import preference
from glimpse.errors import GlimpseError
from glimpse.experiment import preset
from glimpse.main import main
from tests.analysis.arrays import cell_variances
from tests.analysis.folders import build_study

PAPER = StudySize(hits=10, workers_per_hit=20, trials_per_cell=5, reward_usd=Decimal("2.00"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_sentinel_rules_are_the_binomial_probabilities() -> None:
    table = sentinel_rules((7, 3)).set_index(["sentinels", "allowed"])
    assert table.loc[(5, 0), "random_passes"] == pytest.approx(1 / 32)
    assert table.loc[(10, 1), "random_passes"] == pytest.approx(11 / 1024)
    assert table.loc[(5, 0), "careful_excluded"] == pytest.approx(1 - 0.98**5)
    assert table.loc[(10, 1), "careful_excluded"] == pytest.approx(1 - 0.98**10 - 10 * 0.02 * 0.98**9)
    assert (7, 3) in table.index
    with pytest.raises(GlimpseError, match=r"--slip is 0\.7; it must be from 0 to 0\.5"):
        sentinel_rules(slip=0.7)


def test_variance_and_interval_are_those_of_analyze() -> None:
    H, W, P = 3, 4, 5
    rng = np.random.default_rng(3)
    state = rng.bit_generator.state
    design = StudySize(hits=H, workers_per_hit=W, trials_per_cell=P, reward_usd=Decimal(1))
    rate, variance = _batch(design, 0.7, (0.3, 0.6), 1, rng)
    rng.bit_generator.state = state
    worker = 0.3 * rng.standard_normal((1, H, W, 1), dtype=np.float32)
    pair = 0.6 * rng.standard_normal((1, H, 1, P), dtype=np.float32)
    from scipy.special import ndtr, ndtri

    mu = np.float32(ndtri(0.7) * np.sqrt(1 + 0.3**2 + 0.6**2))
    chosen = rng.random((1, H, W, P), dtype=np.float32) < ndtr(mu + worker + pair)
    h, w, p = np.indices((H, W, P)).reshape(3, -1)
    ways = [h * W + w, h * P + p]
    cells = cell_variances(chosen.ravel(), np.zeros(H * W * P, dtype=int), ways, 1)
    assert rate[0] == pytest.approx(cells.rate[0])
    assert variance[0] == pytest.approx(cells.combined[0])
    here, there = wilson(rate, np.array([9.0]), 2.1), preference.wilson(rate, np.array([9.0]), 2.1)
    assert here[0] == pytest.approx(there[0])
    assert here[1] == pytest.approx(there[1])


@pytest.mark.parametrize("design", [PAPER, StudySize(5, 10, 100, Decimal(1))])
def test_intervals_of_the_papers_designs_cover(design: StudySize) -> None:
    out = simulate_cell(design, 0.7, (0.25, 0.45), 400, np.random.default_rng(8))
    assert out.rate.mean() == pytest.approx(0.7, abs=0.01)
    assert 0.92 <= ((out.low <= 0.7) & (out.high >= 0.7)).mean() <= 0.98


def test_the_test_keeps_its_level() -> None:
    out = simulate_cell(PAPER, 0.5, (0.25, 0.45), 1000, np.random.default_rng(5))
    assert 0.03 <= (out.p_value <= 0.05).mean() <= 0.075


def test_more_workers_hit_a_floor_that_more_hits_do_not() -> None:
    table = plan_table(PAPER, rates=(0.6,), spreads={"typical": (0.25, 0.45)}, studies=150)
    assert list(table["planned"]) == [False, False, True, False, False] * 2
    workers, hits = (
        table[table["vary"] == name].set_index("answers") for name in ("workers per HIT", "HITs")
    )
    assert workers.loc[4000, "price_usd"] == hits.loc[4000, "price_usd"] == 1920
    assert hits.loc[4000, "width"] < 0.65 * workers.loc[4000, "width"]
    assert workers.loc[4000, "width"] > 0.8 * workers.loc[1000, "width"]
    pd.testing.assert_frame_equal(
        table, plan_table(PAPER, rates=(0.6,), spreads={"typical": (0.25, 0.45)}, studies=150)
    )


def test_the_planned_study_is_simulated_once() -> None:
    table = plan_table(PAPER, rates=(0.55, 0.6), spreads={"typical": (0.25, 0.45)}, studies=50)
    planned = table[table["planned"]].drop(columns="vary")
    assert len(planned) == 4
    assert len(planned.drop_duplicates()) == 2


def test_monte_carlo_errors_are_what_other_seeds_differ_by() -> None:
    tables = [
        plan_table(PAPER, rates=(0.6,), spreads={"high": (0.5, 0.8)}, studies=50, seed=seed)
        for seed in range(40)
    ]
    for number in ("width", "power"):
        spread = np.std([table[number].iloc[0] for table in tables], ddof=1)
        assert tables[0]["studies"].eq(50).all()
        assert np.mean([table[f"{number}_se"].iloc[0] for table in tables]) == pytest.approx(spread, rel=0.35)
    assert all((table["power_se"] > 0).all() for table in tables)


@pytest.mark.parametrize("counts", [(2, 20, 1), (10, 1, 5), (2, 1, 1), (1, 2, 2)])
def test_variants_of_small_designs_are_possible(counts: tuple[int, int, int]) -> None:
    design = StudySize(*counts, Decimal(1))
    for name in ("workers per HIT", "HITs"):
        assert design in [variant for vary, variant in variants(design) if vary == name]


def test_wider_spread_is_wider() -> None:
    widths = [
        (out.high - out.low).mean()
        for spread in ((0.0, 0.0), (0.25, 0.45), (0.5, 0.8))
        for out in [simulate_cell(PAPER, 0.6, spread, 100, np.random.default_rng(1))]
    ]
    assert widths == sorted(widths)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hits": 0}, "plan: hits is 0; it must be a whole number, 1 or more."),
        (
            {"reward_usd": "-1"},
            (
                "plan: reward_usd is -1; it must be dollars and cents above 0 and at most 10000, for "
                "example 1.50."
            ),
        ),
        (
            {"hits": 1, "workers_per_hit": 1},
            (
                "plan: a cell has workers 1, pairs 5; it needs 2 of each at least. Raise --hits, "
                "--workers-per-hit or --trials-per-cell."
            ),
        ),
    ],
)
def test_designs_are_checked(changes: dict[str, int | str], message: str) -> None:
    experiment = preset("limited-time", "glimpse").to_json()
    with pytest.raises(GlimpseError) as error:
        size_of(experiment, **changes)
    assert str(error.value) == message
    with pytest.raises(GlimpseError, match="experiment: KeyError 'batches'; build the study again"):
        size_of({})


def test_power_prints_and_writes(tmp_path: Path) -> None:
    out = tmp_path / "power"
    result = run("power", "--studies", 50, "--rate", 0.6, "--out", out)
    assert result.exit_code == 0, result.output
    assert "limited-time: 10 HITs of 20 workers at $2.00: $480.00, fees included." in result.output
    assert "A cell has 1000 answers of 200 workers on 50 pairs." in result.output
    assert (
        "          5              0                  3.1 %                    9.6 %  <- as planned"
        in result.output
    )
    assert "         10              1                  1.1 %                    1.6 %" in result.output
    planned = [line for line in result.output.splitlines() if line.endswith("  <- as planned")]
    assert [line[:18].strip() for line in planned[:2]] == ["workers per HIT", "HITs"]
    assert planned[0][18:] == planned[1][18:]
    table = pd.read_csv(out / "power.csv")
    assert (
        "Each width and power comes from 50 simulated studies: their Monte Carlo\n"
        f"standard errors are at most {100 * table['width_se'].max():.2f} and "
        f"{100 * table['power_se'].max():.1f} percentage points;\nraise --studies to lower them.\n"
    ) in result.output
    assert (table["studies"] == 50).all()
    names = {"power.csv", "sentinel_rules.csv", "power.json"}
    names |= {f"width_vs_price.{kind}" for kind in ("png", "pdf", "svg")}
    assert {path.name for path in out.iterdir()} == names
    assert len(pd.read_csv(out / "power.csv")) == 30
    record = json.loads((out / "power.json").read_text())
    assert (record["settings"]["studies"], record["settings"]["rates"]) == (50, [0.6])
    assert record["design"]["hits"] == 10
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    run("power", "--studies", 50, "--rate", 0.6, "--out", out)
    assert before == {path.name: path.read_bytes() for path in out.iterdir()}


def test_power_reads_a_study_and_changes_it(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", "unlimited-time")
    result = run("power", study, "--studies", 50, "--rate", 0.6, "--spread", 0.1, 0.2, "--hits", 4,
                 "--workers-per-hit", 9, "--reward", "1.50", "--out", tmp_path / "p")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert (
        "unlimited-time: 2 batches of 4 HITs of 9 workers at $1.50: $129.60, fees included." in result.output
    )
    assert result.output.endswith(
        "Next: python cli.py build-hits --mode unlimited-time --hits-per-batch 4 --workers-per-hit 9 "
        "--reward-usd 1.50\n"
    )
    again = run("power", study, "--studies", 50, "--rate", 0.6, "--out", tmp_path / "p")
    assert again.output.endswith(f"\nNext: python cli.py preview {study}\n")


def test_a_plan_goes_into_no_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "crn").mkdir()
    result = run("power", "--studies", 50, "--out", tmp_path)
    assert (result.exit_code, result.output) == (
        1,
        (
            f"Error: {tmp_path} holds files that power did not write (crn); move them, or name another "
            "folder with --out.\n"
        ),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--rate", "1.2"],
            "Error: --rate is 1.2; it must lie between 0 and 1, for example 0.6.",
        ),
        *[
            (
                ["--reward", text],
                (
                    f"Error: --reward is {text}; it must be dollars and cents above 0 and at most 10000, for "
                    "example 1.50."
                ),
            )
            for text in ("x", "0", "1.005", "1e30", "nan")
        ],
        (
            ["--spread", "9", "1"],
            "Error: --spread is 9 1; both standard deviations must be from 0 to 5, for example 0.25 0.45.",
        ),
        (["--alpha", "0"], "Error: --alpha is 0; it must lie between 0 and 1, for example 0.05."),
        (["--slip", "nan"], "Error: --slip is nan; it must be from 0 to 0.5."),
        (
            ["--studies", "1000000000"],
            (
                "Error: plan: 1,000,000,000 studies of each design are 130,050,000,000,000 simulated "
                "answers; at most 10,000,000,000 are simulated, which takes minutes. Lower --studies, "
                "--hits, --workers-per-hit or --trials-per-cell, or name fewer --rate and --spread."
            ),
        ),
        (
            ["nothing"],
            (
                "Error: nothing: study.json is missing, so this is no study that build-hits has written. "
                "Name one, or plan before you build: python cli.py power --mode limited-time"
            ),
        ),
    ],
)
def test_wrong_options_are_one_line(options: list[str], message: str, tmp_path: Path) -> None:
    result = run("power", "--out", tmp_path / "p", *options)
    assert (result.exit_code, result.output) == (1, message + "\n")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--studies", "1"], "Invalid value for '--studies': 1 is not in the range x>=50."),
        (["--hits", "0"], "Invalid value for '--hits': 0 is not in the range x>=1."),
        (
            ["study", "--mode", "limited-time"],
            "--mode is for planning without STUDY; study has its own. Leave one out.",
        ),
    ],
)
def test_wrong_uses_are_one_line(options: list[str], message: str, tmp_path: Path) -> None:
    result = run("power", "--out", tmp_path / "p", *options)
    assert (result.exit_code, result.output.splitlines()[-1]) == (2, f"Error: {message}")
