from __future__ import annotations

from decimal import Decimal

import pytest

from glimpse.errors import GlimpseError
from glimpse.experiment import MODES, PAIR_PRESETS, Experiment, designed, preset
from glimpse.mturk.design.contrasts import infer

FOUND = ("crn", "image-space", "pix2pix", "real")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PAIR_PRESETS)
def test_json_round_trip(mode: str, name: str) -> None:
    experiment = preset(mode, name)
    assert Experiment.from_json(experiment.to_json()) == experiment


def test_the_numbers_of_the_protocol() -> None:
    limited, unlimited = preset("limited-time"), preset("unlimited-time")
    assert (limited.cells, limited.hits, limited.trials_per_hit(limited.batches[0])) == (21, 10, 110)
    assert limited.exposures_ms == (125, 250, 500, 1000, 2000, 4000, 8000)
    assert (limited.sentinels_per_hit, limited.max_wrong_sentinels) == (5, 0)
    assert limited.sentinel_exposures_ms == (1000, 2000, 4000, 8000)
    assert preset("limited-time", "paper").sentinel_exposure_ms == 4000
    assert (limited.workers_per_hit, limited.reward_usd, limited.time_allotted_minutes) == (
        20,
        Decimal(2),
        30,
    )
    assert (len(unlimited.batches), unlimited.hits, unlimited.genuine_per_hit(unlimited.batches[0])) == (
        4,
        20,
        100,
    )
    assert (unlimited.sentinels_per_hit, unlimited.max_wrong_sentinels) == (10, 1)
    assert (unlimited.workers_per_hit, unlimited.reward_usd, unlimited.time_allotted_minutes) == (
        10,
        Decimal(1),
        15,
    )


def test_what_the_presets_change() -> None:
    glimpse, paper, authors = (preset("limited-time", name) for name in PAIR_PRESETS)
    assert (glimpse.pairing, glimpse.scenes, glimpse.sides) == ("random", "without-replacement", "balanced")
    assert (paper.pairing, paper.scenes, paper.sides) == ("random", "with-replacement", "random")
    assert (authors.pairing, authors.scenes, authors.sides) == ("same-item", "with-replacement", "random")
    own = preset("unlimited-time", "authors")
    assert [batch.sentinel for batch in own.batches] == [batch.contrasts[0][1] for batch in own.batches]


def test_unknown_and_missing_keys_are_refused() -> None:
    value = preset("limited-time").to_json()
    with pytest.raises(GlimpseError, match=r"unknown keys: colour"):
        Experiment.from_json({**value, "colour": 1})
    del value["real"]
    with pytest.raises(GlimpseError, match=r"experiment lacks: real"):
        Experiment.from_json(value)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"hits_per_batch": 0}, "hits_per_batch is 0; it must be a whole number of at least 1"),
        ({"trials_per_cell": True}, "trials_per_cell is True"),
        ({"exposures_ms": (125, 125)}, "name each exposure once"),
        ({"exposures_ms": (0,)}, "exposure 0 in limited-time"),
        ({"exposures_ms": (None,)}, "exposure None in limited-time"),
        ({"reward_usd": Decimal("0.005")}, "reward_usd is 0.005"),
        ({"reward_usd": Decimal(-1)}, "reward_usd is -1"),
        ({"pairing": "twins"}, "pairing is 'twins'; allowed are random, same-item"),
        ({"sentinels_per_hit": 300, "max_sentinels_in_a_row": 2}, "has room for 70"),
        ({"sentinel": "real"}, "sentinel is 'real', the real condition"),
        ({"sentinel": None}, "batch b1 has no sentinel condition"),
        ({"contrasts": (("crn", "crn"),)}, "must name two different conditions"),
        ({"contrasts": (("crn", "real"), ("real", "crn"))}, "named twice"),
        ({"contrasts": ()}, "There is no contrast"),
        ({"colour": 1}, "unknown keys: colour"),
    ],
)
def test_impossible_settings(numbers: dict[str, object], message: str) -> None:
    settings = {"contrasts": (("crn", "real"),), "real": "real", "sentinel": "image-space", **numbers}
    with pytest.raises(GlimpseError, match=message):
        designed(preset("limited-time"), **settings)


def test_exposures_do_not_belong_to_unlimited_time() -> None:
    with pytest.raises(GlimpseError, match="exposure 125 ms in unlimited-time"):
        designed(
            preset("unlimited-time"),
            contrasts=(("crn", "real"),),
            real="real",
            sentinel="image-space",
            exposures_ms=(125,),
        )


def test_conditions_are_inferred_from_their_names() -> None:
    limited = infer(preset("limited-time"), FOUND, real="real", sentinel=None)
    assert limited.contrasts == (("crn", "real"), ("pix2pix", "real"), ("crn", "pix2pix"))
    assert limited.sentinel == "image-space"
    unlimited = infer(preset("unlimited-time"), FOUND, real="real", sentinel=None)
    assert unlimited.contrasts == (("crn", "image-space"), ("crn", "pix2pix"))
    assert [batch.sentinel for batch in unlimited.batches] == ["image-space", "image-space"]
    own = infer(preset("unlimited-time", "authors"), FOUND, real="real", sentinel=None)
    assert [batch.sentinel for batch in own.batches] == ["image-space", "pix2pix"]


def test_conditions_can_be_named() -> None:
    numbers = {"reward_usd": "1.5", "hits_per_batch": 2}
    names = {"real": "real", "sentinel": "pix2pix", "contrasts": ("crn:image-space",)}
    found = infer(preset("limited-time"), FOUND, numbers=numbers, **names)
    assert found.contrasts == (("crn", "image-space"),)
    assert (found.sentinel, found.reward_usd, found.hits) == ("pix2pix", Decimal("1.5"), 2)
    mine = infer(
        preset("unlimited-time"), FOUND, real="real", sentinel=None, ours="pix2pix", baselines=("real", "crn")
    )
    assert mine.contrasts == (("pix2pix", "real"), ("pix2pix", "crn"))


@pytest.mark.parametrize(
    ("mode", "conditions", "names", "message"),
    [
        ("limited-time", ("a", "b"), {}, "^--real: there is no condition 'real'.*found are a, b"),
        ("limited-time", ("a", "real"), {}, "no 'image-space' among a, real. Name one with --sentinel"),
        ("limited-time", ("image-space", "real"), {}, "Nothing to compare"),
        ("limited-time", FOUND, {"sentinel": "x"}, "no condition 'x'"),
        ("limited-time", FOUND, {"contrasts": ("crn",)}, "must be two conditions with a colon"),
        ("limited-time", FOUND, {"contrasts": ("crn:x",)}, "no condition 'x'"),
        ("limited-time", FOUND, {"ours": "crn"}, "belong to --mode unlimited-time"),
        ("unlimited-time", ("a", "real"), {}, "Which condition is yours"),
        ("unlimited-time", ("crn", "real"), {}, "crn has no baseline"),
        ("limited-time", FOUND, {"numbers": {"reward_usd": "two"}}, "reward_usd is 'two'"),
    ],
)
def test_names_that_do_not_fit(mode: str, conditions: tuple[str, ...], names: dict, message: str) -> None:
    settings = {"real": "real", "sentinel": None, **names}
    with pytest.raises(GlimpseError, match=message):
        infer(preset(mode), conditions, **settings)


@pytest.mark.parametrize("mode", MODES)
def test_words_stand_for_contrasts(mode: str) -> None:
    every = infer(preset(mode), FOUND, real="real", sentinel=None, contrasts=("all",))
    assert every.contrasts == (("crn", "real"), ("pix2pix", "real"), ("crn", "pix2pix"))
    names = {"contrasts": ("ours-against-all",), "ours": "pix2pix"}
    ours = infer(preset(mode), FOUND, real="real", sentinel=None, **names)
    assert ours.contrasts == (("pix2pix", "crn"), ("pix2pix", "real"))
    assert ours.sentinel == every.sentinel == "image-space"
    numbers = {"sentinels": "mismatch"}
    no_photographs = ("crn", "pix2pix", "image-space")
    found = infer(preset(mode), no_photographs, real=None, sentinel=None, contrasts=("all",), numbers=numbers)
    assert len(found.contrasts) == 3
    assert {batch.sentinel for batch in found.batches} == {None}
    assert found.conditions == no_photographs


def test_without_sentinels_no_sentinel_condition_is_needed() -> None:
    found = infer(
        preset("limited-time"), ("a", "real"), real="real", sentinel=None, numbers={"sentinels_per_hit": 0}
    )
    assert found.contrasts == (("a", "real"),)
    assert found.sentinel is None


@pytest.mark.parametrize("words", [["ring", "crn:real"], ["Ring"]])
def test_a_word_for_all_pairs_stands_alone(words: list[str]) -> None:
    with pytest.raises(GlimpseError, match="--contrast ring stands alone, in small letters"):
        infer(preset("unlimited-time"), FOUND, contrasts=words, real="real", sentinel=None)
