"""The simulated people: what they tend to is what the model says."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from glimpse.analysis.simulation.observer import (
    Observer,
    Workers,
    chance_of_left,
    choose_left,
    draw_images,
    draw_pairs,
    draw_workers,
    known_qualities,
    parse_quality,
    realism_curve,
    response_times,
    strength,
)
from glimpse.errors import GlimpseError

GRID = np.array([125.0, 250, 500, 1000, 2000, 4000, 8000])


def differences(observer: Observer, count: int, rng: np.random.Generator) -> np.ndarray:
    """What `count` pairs add, whose images stand in no other pair."""
    images = draw_images(observer, 2 * count, rng)
    return draw_pairs(observer, count, rng) + images[:count] - images[count:]


@pytest.mark.parametrize("image_sd", [0.0, 0.3, 0.8])
def test_a_crowd_tends_to_its_curve_whatever_its_spread(image_sd: float) -> None:
    observer = Observer(
        lapse_mean=0.0, random_share=0.0, ability_sd=0.25, pair_sd=0.4, image_sd=image_sd, side_bias_sd=0.2
    )
    rng = np.random.default_rng(1)
    psi = np.repeat(realism_curve(np.array([-0.85, 1.5])[:, None], GRID).ravel(), 4000)
    people = draw_workers(observer, 300, rng)
    a_left = rng.random(psi.size) < 0.5
    p_left = chance_of_left(strength(observer, psi), differences(observer, psi.size, rng), a_left, people)
    p_a = np.where(a_left, p_left, 1 - p_left).mean(axis=0).reshape(-1, 4000).mean(axis=1)
    assert np.abs(p_a - psi[::4000]).max() < 0.015


def test_answers_follow_the_expected_rate_with_lapses_and_clickers() -> None:
    observer = Observer(lapse_mean=0.05, random_share=0.2)
    rng = np.random.default_rng(2)
    psi = np.full(6000, 0.9)
    a_left = rng.random(psi.size) < 0.5
    pair = differences(observer, psi.size, rng)
    left = choose_left(
        chance_of_left(strength(observer, psi), pair, a_left, draw_workers(observer, 800, rng)), rng
    )
    attentive = (1 - observer.random_share) * (1 - observer.lapse_mean)  # the others come out at 1/2
    assert (left == a_left).mean() == pytest.approx(0.5 + attentive * (0.9 - 0.5), abs=0.015)


def test_curve_is_chance_at_no_time_and_the_plateau_at_unlimited_time() -> None:
    assert realism_curve(-1.0, 0.0001) == pytest.approx(0.5, abs=1e-6)
    assert realism_curve(1.0, np.inf) == pytest.approx(0.841345, abs=1e-6)
    assert realism_curve(1.0, np.nan) == pytest.approx(0.841345, abs=1e-6)
    assert realism_curve(0.0, GRID) == pytest.approx(np.full(7, 0.5))


@given(st.floats(0.01, 4), st.floats(60, 20_000))
def test_swapping_the_conditions_mirrors_the_curve(distance: float, exposure_ms: float) -> None:
    assert realism_curve(-distance, exposure_ms) == pytest.approx(1 - realism_curve(distance, exposure_ms))


@given(st.floats(0.01, 3))
def test_more_time_never_hides_a_difference(distance: float) -> None:
    assert (np.diff(realism_curve(distance, GRID)) > 0).all()


def test_swapping_the_sides_mirrors_the_chance_but_for_side_bias() -> None:
    ones = np.ones(3)
    people = Workers(ones, 0 * ones, 0 * ones, ones, np.zeros(3, dtype=bool))
    mu, pair = np.array([0.7, -1.2]), np.array([0.1, 0.3])
    left, right = (chance_of_left(mu, pair, np.full(2, side), people) for side in (True, False))
    assert left == pytest.approx(1 - right)


def test_random_clickers_are_fast_and_fair() -> None:
    observer = Observer(random_share=1.0)
    people = draw_workers(observer, 50, np.random.default_rng(0))
    p_left = chance_of_left(np.full(40, 2.0), np.zeros(40), np.ones(40, dtype=bool), people)
    assert (p_left == 0.5).all()
    times = response_times(observer, p_left, people, np.random.default_rng(0))
    assert np.median(times) < observer.response_ms / 1.5


def test_every_name_has_a_quality_and_one_of_your_own_comes_first() -> None:
    observer = Observer(quality={"crn": -0.1})
    assert observer.quality_of("crn") == -0.1
    assert observer.quality_of("ground_truth") == 0.0
    assert observer.quality_of("my-gan") == Observer().quality_of("my-gan")
    assert -2.2 <= observer.quality_of("my-gan") <= -0.6


def test_what_a_condition_is_for_counts_where_its_name_says_nothing() -> None:
    observer = Observer(quality={"own": -0.3})
    assert [observer.quality_of("my-gan", role) for role in ("real", "sentinel", "compared sentinel")] == [
        0.0,
        -4.0,
        -2.3,
    ]
    assert observer.quality_of("crn", "sentinel") == -0.85
    assert {observer.quality_of("own", role) for role in ("real", "sentinel", "compared")} == {-0.3}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lapse_mean": 0.7}, "--lapse is 0.7; it must be a number from 0 to 0.5."),
        ({"pair_sd": -1.0}, "--pair-sd is -1.0; it must be a number from 0 to 5."),
        ({"slope": float("nan")}, "observer: slope is nan; it must be a number, 0 or more."),
        ({"quality": {"a": float("inf")}}, "--quality a=inf: it must be a number from -10 to 10; "),
        ({"speeed": 1}, "observer: there is no setting speeed;"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], message: str) -> None:
    with pytest.raises(GlimpseError) as error:
        Observer.from_json(settings)
    assert str(error.value).startswith(message)


def test_by_default_pairs_differ_as_before_and_mostly_by_their_images() -> None:
    now = Observer()
    assert now.pair_sd**2 + 2 * now.image_sd**2 == pytest.approx(0.45**2)
    assert differences(now, 100_000, np.random.default_rng(4)).std() == pytest.approx(0.45, rel=0.01)
    assert 2 * now.image_sd**2 > 4 * now.pair_sd**2


def test_settings_of_earlier_versions_have_no_image_effects() -> None:
    old = {"ability_sd": 0.25, "pair_sd": 0.45, "side_bias_sd": 0.1, "quality": {"crn": -1.0}}
    assert Observer.from_json(old) == Observer(image_sd=0.0, **old)
    assert Observer.from_json({"slope": 2.0}) == Observer(slope=2.0)
    now = Observer(image_sd=0.7)
    assert Observer.from_json(asdict(now)) == now


@pytest.mark.parametrize("text", ["crn", "=1", "crn=", "crn=x", "crn=nan"])
def test_quality_settings_are_quoted_when_wrong(text: str) -> None:
    with pytest.raises(GlimpseError, match="expected name=value"):
        parse_quality([text])
    assert parse_quality(["=SUM(A1)=1"]) == {"=SUM(A1)": 1.0}
    assert parse_quality(["a=1", "b=-0.5"]) == {"a": 1.0, "b": -0.5}


def test_strengths_in_log_odds_are_qualities_in_probit_units() -> None:
    """One that is stronger by 1 is chosen 73 % of the time, on either scale."""
    found = known_qualities({}, {"real": 0.0, "crn": -1.0, "gan": -2.0})
    assert found["real"] == 0.0
    for a, b, log_odds in (("real", "crn", 1.0), ("real", "gan", 2.0), ("crn", "gan", 1.0)):
        rate = stats.norm.cdf(found[a] - found[b])
        assert rate == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=0.01)
    with pytest.raises(GlimpseError, match="--strength and --quality say the same on two scales"):
        known_qualities({"real": 0.0}, {"crn": 1.0})
    with pytest.raises(GlimpseError, match=r"--strength 'crn': expected name=value.*in log odds"):
        parse_quality(["crn"], "--strength")
