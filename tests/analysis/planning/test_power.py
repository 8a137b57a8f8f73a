"""`power`: the planner's statistics against those of `analyze`, known probabilities, and what it prints."""

import json
from dataclasses import replace
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from glimpse.analysis.planning.cell import Deal, deals, degrees_of_freedom, simulate_cell, three_way
from glimpse.analysis.planning.power import plan_table, sentinel_rules, variants
from glimpse.analysis.planning.size import StudySize, size_of
from glimpse.errors import GlimpseError
from glimpse.experiment import preset
from glimpse.main import main
from glimpse.plan import plan
from glimpse.precision import TYPICAL, Spread, as_equal
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


def plain_variance(chosen: np.ndarray, ways: list[np.ndarray]) -> float:
    """The multiway variance of a rate, in a loop over clusters, without any of power's own code."""
    residual, parts = chosen - chosen.mean(), {}
    for size in range(1, len(ways) + 1):
        for subset in combinations(range(len(ways)), size):
            sums: dict[tuple[int, ...], float] = {}
            for answer, key in zip(residual, zip(*(ways[way] for way in subset), strict=True), strict=True):
                sums[key] = sums.get(key, 0.0) + answer
            squares = sum(value**2 for value in sums.values())
            parts[subset] = squares / len(chosen) ** 2 * len(sums) / (len(sums) - 1)
    total = sum(value if len(subset) % 2 else -value for subset, value in parts.items())
    floor = [value for subset, value in parts.items() if len(subset) in {1, len(ways)}]
    return max(total, *floor)


@pytest.mark.parametrize("same_item", [False, True])
@pytest.mark.parametrize("images", [3, 5, 200])
def test_the_variance_is_that_of_workers_and_of_the_images_of_both_sides(
    images: int, same_item: bool
) -> None:
    H, W, P = 3, 4, 7
    rng = np.random.default_rng(images)
    a = rng.integers(images, size=(H, P))
    dealt = Deal(*(np.unique(side, return_inverse=True)[1].reshape(H, P)
                   for side in (a, a if same_item else rng.integers(images, size=(H, P)))))  # fmt: skip
    chosen = rng.random((2, H, P, W)) < 0.7
    h, p, w = np.indices((H, P, W)).reshape(3, -1)
    ways = [h * W + w, dealt.image_a[h, p], dealt.image_b[h, p]]
    for study, variance in zip(chosen, three_way(dealt, chosen), strict=True):
        assert variance == pytest.approx(plain_variance(study.ravel(), ways))


def test_where_no_image_recurs_it_is_the_variance_of_workers_and_pairs() -> None:
    H, W, P = 3, 4, 5
    a = np.arange(H * P).reshape(H, P)
    chosen = np.random.default_rng(0).random((1, H, P, W)) < 0.6
    h, p, w = np.indices((H, P, W)).reshape(3, -1)
    expected = plain_variance(chosen.ravel(), [h * W + w, a[h, p]])
    assert three_way(Deal(a, a[::-1]), chosen)[0] == pytest.approx(expected)


def test_unequal_images_leave_fewer_degrees_of_freedom() -> None:
    once = np.arange(6).reshape(2, 3)
    recurs = np.array([[0, 0, 0], [0, 1, 2]])

    half = np.arange(120).reshape(1, 2, 3, 20) // 2 % 2 == 0  # half of the answers to every trial
    for image_b, df in ((once, 5), (recurs, 36 / 18 - 1)):
        assert degrees_of_freedom(Deal(once, image_b), half)[0] == pytest.approx(df)


def test_rarer_answers_about_few_images_leave_fewer_degrees_of_freedom() -> None:
    image = np.arange(16).reshape(2, 8)
    chosen = np.ones((2, 2, 8, 20), dtype=bool)
    chosen[0, :, :, ::10] = False  # a tenth of the answers to every trial
    chosen[1, 0, :2, :16] = False  # as many, to two trials
    even, uneven = degrees_of_freedom(Deal(image, image), chosen)
    assert even == pytest.approx(3.5, abs=0.1)  # they are of two workers of each HIT
    assert uneven == pytest.approx(1.1, abs=0.1)


def test_a_test_rejects_where_its_interval_leaves_half_out() -> None:
    out = simulate_cell(replace(PAPER, images=24), 0.58, TYPICAL, 300, np.random.default_rng(4))
    assert ((out.p_value < 0.05) == ((out.low > 0.5) | (out.high < 0.5))).all()


def test_one_image_a_side_says_nothing() -> None:
    out = simulate_cell(
        replace(PAPER, images=2, hits=2, trials_per_cell=1), 0.6, TYPICAL, 50, np.random.default_rng(0)
    )
    assert out.low.min() == 0
    assert np.isfinite(out.p_value).all()


@pytest.mark.parametrize("mode", ["limited-time", "unlimited-time"])
@pytest.mark.parametrize("pairing", ["random", "same-item"])
@pytest.mark.parametrize("images", [8, 24, 200, 500])
def test_images_recur_as_often_as_in_a_study(mode: str, pairing: str, images: int) -> None:
    experiment = replace(preset(mode), pairing=pairing)
    built = plan(experiment, experiment.batches[0], images, np.random.default_rng(1))
    planned = deals(size_of(experiment.to_json(), images=images), np.random.default_rng(2))
    for side in ("a", "b"):
        there = [
            as_equal(getattr(built, f"item_{side}")[built.label == cell].tolist())
            for cell in range(built.layout.cells)
        ]
        here = [as_equal(getattr(one, f"image_{side}").ravel().tolist()) for one in planned]
        assert np.mean(here) == pytest.approx(np.mean(there), rel=0.06)
    assert all((one.image_a == one.image_b).all() == (pairing == "same-item") for one in planned)


@pytest.mark.parametrize("images", [8, 24, 500])
@pytest.mark.parametrize("mode", ["limited-time", "unlimited-time"])
def test_intervals_of_the_papers_designs_cover(mode: str, images: int) -> None:
    design = size_of(preset(mode).to_json(), images=images)
    out = simulate_cell(design, 0.7, TYPICAL, 400, np.random.default_rng(8))
    assert out.rate.mean() == pytest.approx(0.7, abs=0.012)
    assert 0.92 <= ((out.low <= 0.7) & (out.high >= 0.7)).mean() <= 0.98


def test_the_test_keeps_its_level() -> None:
    out = simulate_cell(PAPER, 0.5, TYPICAL, 1000, np.random.default_rng(5))
    assert 0.03 <= (out.p_value <= 0.05).mean() <= 0.075


def test_more_workers_hit_a_floor_that_more_hits_do_not() -> None:
    table = plan_table(PAPER, rates=(0.6,), spreads={"typical": TYPICAL}, studies=150)
    assert list(table["planned"]) == [False, False, True, False, False] * 3
    workers, hits = (
        table[table["vary"] == name].set_index("answers") for name in ("workers per HIT", "HITs")
    )
    assert workers.loc[4000, "price_usd"] == hits.loc[4000, "price_usd"] == 1920
    assert hits.loc[4000, "width"] < 0.65 * workers.loc[4000, "width"]
    assert workers.loc[4000, "width"] > 0.8 * workers.loc[1000, "width"]
    pd.testing.assert_frame_equal(
        table, plan_table(PAPER, rates=(0.6,), spreads={"typical": TYPICAL}, studies=150)
    )


def test_the_planned_study_is_simulated_once() -> None:
    table = plan_table(PAPER, rates=(0.55, 0.6), spreads={"typical": TYPICAL}, studies=50)
    planned = table[table["planned"]].drop(columns="vary")
    assert len(planned) == 6
    assert len(planned.drop_duplicates()) == 2


def test_monte_carlo_errors_are_what_other_seeds_differ_by() -> None:
    tables = [
        plan_table(PAPER, rates=(0.6,), spreads={"high": Spread(0.5, 0.27, 0.54)}, studies=50, seed=seed)
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
    for name in ("workers per HIT", "HITs", "images"):
        assert design in [variant for vary, variant in variants(design) if vary == name]


def test_wider_spread_is_wider() -> None:
    widths = [
        (out.high - out.low).mean()
        for spread in (Spread(0, 0, 0), TYPICAL, Spread(0.5, 0.27, 0.54))
        for out in [simulate_cell(PAPER, 0.6, spread, 100, np.random.default_rng(1))]
    ]
    assert widths == sorted(widths)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hits": 0}, "plan: hits is 0; it must be a whole number, 1 or more."),
        (
            {"reward_usd": "-1"},
            ("plan: reward_usd is -1; it must be dollars and cents from 0 to 10000, for example 1.50."),
        ),
        (
            {"hits": 1, "workers_per_hit": 1},
            (
                "plan: a cell has workers 1, trials 5; it needs 2 of each at least. Raise --hits, "
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


def test_power_prints_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a checkout may have images of its own
    out = tmp_path / "power"
    result = run("power", "--studies", 50, "--rate", 0.6, "--out", out)
    assert result.exit_code == 0, result.output
    assert "limited-time: 10 HITs of 20 workers at $2.00: $480.00 with Mechanical" in result.output
    assert "A HIT takes about 10 minutes: $12.00 an hour.\n" in result.output
    assert (
        "A cell has 1000 answers of 200 workers on 50 trials.\n"
        "Each condition has 500 images (as in the paper; yours with --images).\n"
        "An image that a cell shows stands in one of its trials.\n"
    ) in result.output
    assert (
        "          5              0                  3.1 %                    9.6 %  <- as planned"
        in result.output
    )
    assert "         10              1                  1.1 %                    1.6 %" in result.output
    planned = [line for line in result.output.splitlines() if line.endswith("  <- as planned")]
    assert [line[:18].strip() for line in planned[:3]] == ["workers per HIT", "HITs", "images"]
    assert planned[0][18:] == planned[1][18:] == planned[2][18:]
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
    assert len(pd.read_csv(out / "power.csv")) == 45
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
    assert "2 batches of 4 HITs of 9 workers at $1.50: $129.60 with Mechanical Turk's" in result.output
    assert result.output.endswith(
        "Next: python cli.py build-hits --mode unlimited-time --hits-per-batch 4 --workers-per-hit 9 "
        "--reward-usd 1.50\n"
    )
    again = run("power", study, "--studies", 50, "--rate", 0.6, "--out", tmp_path / "p")
    assert again.output.endswith(f"\nNext: python cli.py preview {study}\n")


def table_of(*arguments: object, out: Path) -> pd.DataFrame:
    result = run("power", "--studies", 50, "--rate", 0.6, *arguments, "--out", out)
    assert result.exit_code == 0, result.output
    return pd.read_csv(out / "power.csv")


def test_images_are_those_of_the_study_else_of_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = build_study(tmp_path / "study", images=9)
    out = tmp_path / "p"
    table = table_of(study, out=out)
    assert table.loc[table["planned"], "images"].unique().tolist() == [9]
    assert (table.loc[table["planned"], "pairs_per_image"] > 1).all()
    assert f"Each condition has 9 images (as {study} shows)." in run("power", study, "--out", out).output
    table = table_of(study, "--images", 12, out=out)
    assert table.loc[table["planned"], "images"].unique().tolist() == [12]
    monkeypatch.chdir(tmp_path)
    for condition, items in (("real", "abc"), ("crn", "abcd"), (".hidden", "a")):
        (tmp_path / "images" / condition).mkdir(parents=True)
        for item in items:
            (tmp_path / "images" / condition / f"{item}.png").touch()
        (tmp_path / "images" / condition / "notes.txt").touch()
    table = table_of(out=out)
    assert table.loc[table["planned"], "images"].unique().tolist() == [3]


def test_the_spread_of_images_goes_with_every_other(tmp_path: Path) -> None:
    def spreads(*options: object) -> list[list[float]]:
        table = table_of("--hits", 2, "--workers-per-hit", 2, *options, out=tmp_path / "p")
        return table[["worker_sd", "pair_sd", "image_sd"]].drop_duplicates().to_numpy().tolist()

    assert spreads("--spread", 0.1, 0.2, "--spread", 0, 0) == [[0.1, 0.2, 0.3], [0, 0, 0.3]]
    assert spreads("--spread", 0.1, 0.2, "--image-spread", 0) == [[0.1, 0.2, 0]]
    assert spreads("--image-spread", 1) == [[0.1, 0.07, 1], [0.25, 0.15, 1], [0.5, 0.27, 1]]


def test_few_images_are_wide_and_more_of_them_help(tmp_path: Path) -> None:
    table = table_of("--images", 8, "--spread", 0.25, 0.15, "--studies", 200, out=tmp_path / "p")
    width = table[table["vary"] == "images"].set_index("images")["width"]
    assert list(width.index) == [2, 4, 8, 16, 32]
    assert list(width) == sorted(width, reverse=True)
    workers = table[table["vary"] == "workers per HIT"].set_index("answers")["width"]
    assert workers[4000] > 0.9 * workers[1000] > 1.3 * width[32]


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
                    f"Error: --reward is {text}; it must be dollars and cents from 0 to 10000, for "
                    "example 1.50."
                ),
            )
            for text in ("x", "-1", "1.005", "1e30", "nan")
        ],
        (
            ["--spread", "9", "1"],
            "Error: --spread is 9 1; both standard deviations must be from 0 to 5, for example 0.25 0.15.",
        ),
        (["--image-spread", "nan"], "Error: --image-spread is nan; it must be from 0 to 5, for example 0.3."),
        (
            ["--hits", "20000", "--workers-per-hit", "2", "--studies", "50", "--rate", "0.6"],
            (
                "Error: plan: the largest design has 8,800,000 trials a batch; at most 4,000,000 are "
                "planned. Lower --hits or --trials-per-cell."
            ),
        ),
        (["--alpha", "0"], "Error: --alpha is 0; it must lie between 0 and 1, for example 0.05."),
        (["--slip", "nan"], "Error: --slip is nan; it must be from 0 to 0.5."),
        (
            ["--studies", "1000000000"],
            (
                "Error: plan: 1,000,000,000 studies of each design are 166,050,000,000,000 simulated "
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
        (["--images", "1"], "Invalid value for '--images': 1 is not in the range 2<=x<=100000."),
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
