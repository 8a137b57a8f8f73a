"""Plans of rankings: their errors are those of simulated studies, and more of anything helps."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.allocation import IMAGE_SD, ITEMS, STRENGTH_SD, TRIALS, WORKER_SD, study
from benchmarks.rank_coverage import Many, draw, names_of, truth_of
from glimpse.allocation import Allocation
from glimpse.analysis.planning.drawn_shares import DrawnStudies
from glimpse.analysis.planning.ranking_power import (
    ENOUGH,
    LOGIT,
    RankingSize,
    chance_told_apart,
    drawn_studies,
    expected_errors,
    ranking_plan,
    said_of,
)
from glimpse.analysis.statistics.ranking import rank_conditions
from glimpse.errors import GlimpseError
from glimpse.precision import Spread
from tests.analysis.analyses import rows, run

SIZE = RankingSize(6, 40, workers_per_hit=5)


def test_errors_are_those_of_simulated_studies():
    """Twenty studies drawn answer by answer, as benchmarks/rank_coverage.py does, in the same units."""
    study = Many(6, 40, 6, 5)
    spread = Spread(study.likes * np.sqrt(2) / LOGIT, study.pair / LOGIT, study.image / LOGIT)
    size = RankingSize(6, 40, workers_per_hit=5, spread=study.spread)
    expected = expected_errors(size, 30, spread)
    rng, truth = np.random.default_rng(0), truth_of(study)
    assert expected.theta == pytest.approx(truth, abs=0.03)
    found = []
    for _ in range(20):
        (ranking,) = rank_conditions(draw(study, rng))
        by_name = dict(zip(ranking.conditions, ranking.strengths, strict=True))
        found.append([by_name[name] for name in names_of(study)])
    error = np.sqrt(((np.array(found) - truth) ** 2).mean())
    assert np.sqrt((expected.se**2).mean()) == pytest.approx(error, rel=0.2)


def test_more_workers_items_and_spread_tell_more():
    def chance(size, workers=80):
        errors = expected_errors(size, workers)
        return chance_told_apart(errors, size.first, 0.95, 100, np.random.default_rng(0))

    assert chance(SIZE, 640) > chance(SIZE, 40)
    assert chance(replace(SIZE, items=400)) >= chance(SIZE)
    assert chance(replace(SIZE, spread=2.0)) > chance(replace(SIZE, spread=0.5))
    assert chance(replace(SIZE, first=1)) >= chance(SIZE)


def test_a_plan_ends_where_it_is_enough():
    plan = ranking_plan(replace(SIZE, items=400), studies=60)
    assert plan["told_apart"].iloc[-1] >= ENOUGH
    assert (plan["told_apart"].iloc[:-1] < ENOUGH).all()
    assert (plan["answers"] == plan["workers"] * 60).all()
    assert "tell the first 3 of 6 systems apart with 90 % probability" in said_of(plan, SIZE)[-1]
    again = ranking_plan(replace(SIZE, items=400), studies=60)
    assert plan.equals(again)


def test_a_plan_says_where_images_are_too_few():
    size = RankingSize(20, 10, spread=0.5)
    plan = ranking_plan(size, studies=50)
    assert plan["told_apart"].iloc[-1] < ENOUGH
    assert "10 items are too few. Show more items (--images)" in said_of(plan, size)[-1]


@pytest.mark.parametrize(("name", "value"), [("systems", 1), ("items", 1), ("spread", 0.0), ("first", 0)])
def test_sizes_that_cannot_be(name, value):
    with pytest.raises(GlimpseError, match="it must be"):
        replace(SIZE, **{name: value})


def test_the_command_plans_a_ranking(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("power", "--systems", 5, "--images", 400, "--studies", 50, "--strength-spread", 2)
    assert done.exit_code == 0, done.output
    assert "tell the first 3 of 5 systems apart with 90 % probability" in done.output
    table = rows(tmp_path / "power" / "ranking_power.csv")
    assert float(table[-1]["told_apart"]) >= ENOUGH
    assert run("power", "--systems", 5, "--images", 400, "--studies", 50).exit_code == 0  # replaced
    assert "leave study or --systems out" in run("power", "study", "--systems", 5).output


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--first 2", "--first works only with --systems; add it, or leave this out."),
        ("--allocation adaptive", "--allocation works only with --systems; add it"),
        ("--trials-per-hit 9", "works only with --systems or --task single"),
        ("--systems 5 --rate 0.6", "--rate works only without --systems; leave one of them out."),
        ("--systems 5 --reward 2", "--reward works only without --systems"),
        ("--systems 3 --first 5", "plan: first is 5; there are 3 systems."),
        ("--task single --studies 60", "--studies works only with --task pairs; leave it out."),
        ("--task single --seed 1", "--seed works only with --task pairs"),
        ("--workers-per-hit 10001", "10001 is not in the range 1<=x<=10000"),
        ("--task single --rate 0.6", "--rate works only with --task pairs; leave it out."),
    ],
)
def test_options_that_would_say_nothing_are_refused(typed, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("power", *typed.split())
    assert done.exit_code != 0
    assert said in done.output
    assert not (tmp_path / "power").exists()


def test_a_plan_of_trials_that_the_server_draws():
    """Drawn to tell the first three apart, they take clearly fewer answers than all pairs alike."""
    size = RankingSize(8, 500, spread=1.5)
    fixed = ranking_plan(size, studies=60)
    drawn = ranking_plan(replace(size, adaptive=True, leading=3), studies=60)
    assert drawn["told_apart"].iloc[-1] >= ENOUGH
    assert drawn["workers"].iloc[-1] < 0.8 * fixed["workers"].iloc[-1]
    assert drawn.equals(ranking_plan(replace(size, adaptive=True, leading=3), studies=60))


def test_drawn_studies_grow():
    studies = DrawnStudies(np.array([2.0, 1.0, -1.0, -2.0]), 30, 12, Allocation(first=1), 0)
    few, many = studies.answered(6), studies.answered(200)
    assert few.sum() == pytest.approx(6 * 12)
    assert many.sum() == pytest.approx(200 * 12)
    assert (many >= few).all()
    assert many.argmax() == 0  # the first and the second
    assert (studies.answered(200) == many).all()
    with pytest.raises(ValueError, match="studies only grow"):
        studies.answered(10)


def test_errors_of_drawn_studies_are_those_of_simulated_ones():
    """Whole studies, drawn and answered as benchmarks/allocation.py does: widths of all differences."""
    spread = Spread(WORKER_SD * np.sqrt(2) / LOGIT, 0.0, IMAGE_SD / LOGIT)
    size = RankingSize(8, ITEMS, TRIALS, spread=STRENGTH_SD, adaptive=True, leading=3)
    gaps = []
    for seed in range(6):
        last = study(8, "first", seed)[-1]
        gaps.append(last.every / (2 * 1.97))
    studies = drawn_studies(size, spread, 0)
    expected = expected_errors(size, 80, spread, studies)
    first, second = np.triu_indices(8, 1)
    assert np.mean(expected.se_gaps[first, second]) == pytest.approx(np.mean(gaps), rel=0.25)
