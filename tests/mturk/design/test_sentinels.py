"""Known answers from a condition, from a file, and from a mismatch of picture and prompt."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest

from glimpse.errors import GlimpseError
from glimpse.experiment import Experiment, designed, preset
from glimpse.mturk.building.building import Making, build
from glimpse.mturk.building.rows import planned_rows
from glimpse.mturk.design.sentinels import ByMismatch, read_known
from glimpse.mturk.design.sources import Sources
from glimpse.mturk.design.stimuli import find_images
from glimpse.mturk.page.data import page_data
from glimpse.questions import Question
from glimpse.trials import Trial

if TYPE_CHECKING:
    from pathlib import Path

    from glimpse.study import Study

PLANS = {
    ("limited-time", "glimpse"): "45eb81a6bebf7415",
    ("limited-time", "authors"): "c3aa3f7e71427d1f",
    ("unlimited-time", "glimpse"): "5080aaf1c2c7e5e4",
    ("unlimited-time", "authors"): "68218f2690bca7b6",
}
ITEMS = [f"{number:04d}" for number in range(120)]
CONTRASTS = (("flux", "sdxl"), ("flux", "ours"))
# Some ten tests of a bot a source: at chance, one run in 1,000 would come below this.
UNLIKELY = 3e-5


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models' pictures, which compress in three ways, and bad ones; prompts, two items to each."""
    folder = tmp_path_factory.mktemp("here")
    rng = np.random.default_rng(0)
    for number, condition in enumerate(("flux", "sdxl", "ours", "bad")):
        (folder / "images" / condition).mkdir(parents=True)
        for item in ITEMS:
            pixels = rng.integers(0, 200 >> number, (8, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / condition / f"{item}.png")
    lines = "".join(f"{item},A fox number {int(item) // 2}\n" for item in ITEMS)
    (folder / "prompts.csv").write_text("item,text\n" + lines)
    rows = "".join(f"flux/{item},images/bad/{item}.png,LEFT\n" for item in ITEMS[:30])
    (folder / "known.csv").write_text("left,right,correct\n" + rows)
    return folder


def experiment(source: str, mode: str = "limited-time", **numbers: object) -> Experiment:
    settings = {"hits_per_batch": 12, "trials_per_cell": 3, "sentinels_per_hit": 4, "practice_trials": 2}
    settings |= {
        "sentinels": source,
        "exposures_ms": (500, 1000, 2000) if mode == "limited-time" else (None,),
    }
    return designed(preset(mode), contrasts=CONTRASTS, real=None, sentinel=None, **{**settings, **numbers})


def sources(here: Path, source: str, **more: object) -> Making:
    known = here / "known.csv" if source == "file" else None
    return Making(seed=5, versions={}, sources=Sources(prompts=here / "prompts.csv", sentinels=known, **more))


@pytest.fixture(scope="module", params=["file", "mismatch"])
def study(here: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Study:
    target = tmp_path_factory.mktemp("out") / "study"
    made = sources(here, request.param)
    built = build(find_images(here / "images"), experiment(request.param), target, made)
    assert "browser" not in " ".join(built.warnings)
    return built.study


def known(study: Study) -> list[Trial]:
    return [trial for trial in study.trials if trial.correct_side]


def right(trial: Trial) -> tuple[str, str]:
    """The condition and the item of the right image."""
    images = {
        "left": (trial.condition_left, trial.item_left),
        "right": (trial.condition_right, trial.item_right),
    }
    return images[trial.correct_side or ""]


def wrong(trial: Trial) -> tuple[str, str]:
    images = {
        "right": (trial.condition_left, trial.item_left),
        "left": (trial.condition_right, trial.item_right),
    }
    return images[trial.correct_side or ""]


def test_each_hit_has_its_known_answers(study: Study) -> None:
    for hit in study.hits:
        trials = study.trials_of(hit.hit)
        assert [trial.practice for trial in trials[:3]] == [True, True, False]
        assert sum(trial.sentinel for trial in trials) == 4
        sides = Counter(trial.correct_side for trial in trials if trial.sentinel)
        assert sides == {"left": 2, "right": 2}
        shown = Counter(name for trial in trials for name in (trial.stimulus_left, trial.stimulus_right))
        assert set(shown.values()) == {1}
    for trial in study.trials:
        assert set(trial.contrast.split(":")) == {trial.condition_left, trial.condition_right}
        if not trial.correct_side:
            assert trial.item_left == trial.item_right == trial.context
    assert {trial.exposure_ms for trial in study.trials if trial.sentinel} == {1000, 2000}
    assert all(trial.context in study.contexts for trial in study.trials)


def test_a_mismatch_shows_another_prompt_s_picture(here: Path, tmp_path: Path) -> None:
    made = build(
        find_images(here / "images"), experiment("mismatch"), tmp_path / "s", sources(here, "mismatch")
    )
    trials = known(made.study)
    text = {item: context.text for item, context in made.study.contexts.items()}
    for trial in trials:
        assert right(trial)[1] == trial.context
        assert int(wrong(trial)[1]) // 2 != int(trial.context) // 2, "the same prompt under another name"
        assert trial.contrast in {"flux:sdxl", "flux:ours"}
    assert set(text) == {trial.context for trial in made.study.trials}
    roles = Counter((trial.contrast, right(trial)[0]) for trial in trials)
    assert set(roles.values()) == {len(trials) // 4}
    foils = Counter(wrong(trial)[1] for trial in trials)
    assert max(foils.values()) <= 2  # 72 foils of 120 items
    assert made.study.experiment.conditions == ("flux", "sdxl", "ours")


def test_a_file_is_dealt_evenly_and_with_sides_balanced_or_kept(here: Path, tmp_path: Path) -> None:
    images = find_images(here / "images")
    made = build(images, experiment("file"), tmp_path / "balanced", sources(here, "file")).study
    built = build(images, experiment("file"), tmp_path / "kept", sources(here, "file", keep_sides=True))
    assert "In 12 of 12 HITs, whoever always chooses the same side passes" in " ".join(built.warnings)
    kept = built.study
    for study in (made, kept):
        used = Counter(right(trial)[1] for trial in known(study))
        assert set(used) == set(ITEMS[:30])
        assert max(used.values()) <= 5  # 72 trials of 30 rows, on items that the HIT does not show
        assert all(right(trial)[0] == "flux" and wrong(trial)[0] == "bad" for trial in known(study))
        assert {trial.contrast for trial in known(study)} == {"bad:flux"}
    assert {trial.correct_side for trial in known(kept)} == {"left"}
    genuine = [[trial for trial in study.trials if not trial.correct_side] for study in (made, kept)]
    plain = [[trial._replace(stimulus_left="", stimulus_right="") for trial in one] for one in genuine]
    assert plain[0] == plain[1]
    assert "from a file: pairs of which the requester states the right image" in (
        (tmp_path / "kept" / "design.html").read_text()
    )
    assert "on the left in 48 of 48 sentinels" in (tmp_path / "kept" / "design.html").read_text()
    assert "on the left in 24 of 48 sentinels" in (tmp_path / "balanced" / "design.html").read_text()


def test_a_bot_that_never_looks_stays_at_chance(study: Study) -> None:
    """Neither which trials are sentinels nor which side is right: by size, name, order, recurrence."""
    sides: dict[str, list[bool]] = {}
    kinds: dict[str, dict[float, list[bool]]] = {}
    for hit in study.hits:
        trials = [trial for trial in study.trials_of(hit.hit) if not trial.practice]
        items = Counter(trial.context for trial in trials)
        for trial in trials:
            pair = (trial.stimulus_left, trial.stimulus_right)
            raw = [(study.folder / "images" / study.stimuli[name].file).read_bytes() for name in pair]
            seen = {"size": tuple(map(len, raw)), "head": tuple(one[:33] for one in raw), "name": pair}
            for sight, (left, right_) in seen.items():
                if trial.sentinel and left != right_:
                    sides.setdefault(sight, []).append((left < right_) == (trial.correct_side == "right"))
            for sight, value in {
                "names in order": float(pair[0] < pair[1]),
                "prompt again": float(items[trial.context]),
                "second half": float(2 * trial.position > len(trials)),
            }.items():
                kinds.setdefault(sight, {}).setdefault(value, []).append(trial.sentinel)
    assert set(sides) == {"name"}
    for sight, hits in sides.items():
        assert binomtest(sum(hits), len(hits), 0.5).pvalue > UNLIKELY, sight
    share = sum(trial.sentinel for trial in study.trials) / sum(not trial.practice for trial in study.trials)
    for sight, groups in kinds.items():
        for value, sentinels in groups.items():
            assert binomtest(sum(sentinels), len(sentinels), share).pvalue > UNLIKELY, (sight, value)


def test_a_page_says_nothing_of_its_sentinels(study: Study) -> None:
    for hit in study.hits:
        trials = study.trials_of(hit.hit)
        data = page_data(study, hit.hit, "images/")
        assert data["u"] == list(range(len(trials)))  # each prompt once, in the order of the trials
        assert [text for text, _ in data["c"]] == [study.contexts[one.context].text for one in trials]
        assert len(data["p"]) == sum(trial.practice for trial in trials)
        page = study.page_path(hit.hit).read_text()
        assert not re.search(r"\b(flux|sdxl|sentinel|mismatch)\b", page)


def test_a_picture_under_two_prompts_is_said(here: Path, tmp_path: Path) -> None:
    many = experiment("mismatch", trials_per_cell=20)
    built = build(find_images(here / "images"), many, tmp_path / "s", sources(here, "mismatch"))
    assert "sentinels show a picture that the same HIT shows under its own prompt" in " ".join(built.warnings)


def test_genuine_trials_are_the_same_from_whichever_source(here: Path, tmp_path: Path) -> None:
    plans = []
    for source in ("file", "mismatch"):
        made = build(
            find_images(here / "images"), experiment(source), tmp_path / source, sources(here, source)
        ).study
        genuine = [trial for trial in made.trials if not trial.correct_side]
        plans.append([trial._replace(stimulus_left="", stimulus_right="") for trial in genuine])
    assert plans[0] == plans[1]


def test_pictures_of_one_size_stand_beside_each_other(here: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for condition in ("flux", "sdxl", "ours"):
        (tmp_path / "images" / condition).mkdir(parents=True)
        for number, item in enumerate(ITEMS[:60]):
            size = (8, 16, 3) if number % 3 else (16, 8, 3)
            pixels = rng.integers(0, 256, size, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / condition / f"{item}.png")
    (tmp_path / "prompts.csv").write_text("item,text\n" + "".join(f"{item},{item}\n" for item in ITEMS[:60]))
    made = build(
        find_images(tmp_path / "images"),
        experiment("mismatch"),
        tmp_path / "s",
        sources(tmp_path, "mismatch"),
    ).study
    for trial in made.trials:
        left, right_ = made.stimuli[trial.stimulus_left], made.stimuli[trial.stimulus_right]
        assert (left.width, left.height) == (right_.width, right_.height)
    (tmp_path / "images" / "flux" / "0000.png").unlink()
    for item in ITEMS[3:60:3]:
        for condition in ("flux", "sdxl", "ours"):
            (tmp_path / "images" / condition / f"{item}.png").unlink()
    Image.new("RGB", (16, 8)).save(tmp_path / "images" / "flux" / "0000.png")
    for condition in ("flux", "sdxl", "ours"):
        Image.new("RGB", (9, 9)).save(tmp_path / "images" / condition / "0000.png")
    with pytest.raises(GlimpseError, match=r"images of the same size\. There is none for 0000"):
        build(
            find_images(tmp_path / "images"), experiment("mismatch"), tmp_path / "t",
            sources(tmp_path, "mismatch"), allow_missing=True,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("left,right\nflux/0000,bad/0000\n", "known.csv lacks the column correct"),
        ("left,right,correct\n", "known.csv has no rows"),
        (
            "left,right,correct\nflux/0000,bad/0000,both\n",
            "line 2: correct is 'both'; it must be left or right",
        ),
        ("left,right,correct\nflux,bad/0000,left\n", "line 2, left: 'flux' is not condition/item"),
        ("left,right,correct\nflux/0000,flux/0001,left\n", "line 2: both sides are of condition flux"),
        ("left,right,correct\nflux/0000,bad/0000,left\nflux/0000,bad/0000,left\n", "line 3 says the same"),
        ("left,right,correct\nflux/0000,worse/0000,left\n", "line 2: there is no condition 'worse'"),
        (
            "left,right,correct\nflux/0000,bad/9000,left\n",
            "line 2: .*bad has no image '9000'; found are 0000",
        ),
        ("left,right,correct\nflux/0000,bad/0001,left\n", "line 2: which context stands with 0001 and 0000"),
        ("left,right,correct,context\nflux/0000,bad/0001,left,9000\n", "line 2: context is '9000'"),
        ("left,right,correct\nflux/0000,bad/0000,left\n", "has 1 trials; a HIT needs 6 that differ"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(here: Path, tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "known.csv"
    file.write_text(content)
    more = [f"flux/{item},bad/{item},left" for item in ITEMS[10:20]]
    if "a HIT needs" not in message and content.count("\n") > 1:
        file.write_text(content + "".join(f"{row}{',' * ('context' in content)}\n" for row in more))
    made = replace(sources(here, "mismatch"), sources=Sources(here / "prompts.csv", sentinels=file))
    with pytest.raises(GlimpseError, match=message):
        build(find_images(here / "images"), experiment("file"), tmp_path / "study", made)
    assert not (tmp_path / "study").exists()


def test_a_file_needs_no_contexts(here: Path, tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text(
        "left;right;correct\n" + "".join(f"bad/{item};flux/{ITEMS[-1]};right\n" for item in ITEMS[:9])
    )
    assert read_known(tmp_path / "known.csv").where[0].endswith("known.csv, line 2")
    made = Making(seed=0, versions={}, sources=Sources(sentinels=tmp_path / "known.csv"))
    study = build(find_images(here / "images"), experiment("file"), tmp_path / "study", made).study
    assert {trial.context for trial in study.trials} == {""}
    assert study.experiment.pairing == "random"


def test_sources_that_do_not_fit_are_refused(here: Path, tmp_path: Path) -> None:
    images = find_images(here / "images")
    bare = Making(seed=0, versions={})
    with pytest.raises(GlimpseError, match="there are no prompts or references"):
        build(images, experiment("mismatch"), tmp_path / "study", bare)
    with pytest.raises(GlimpseError, match="there is no file of known answers"):
        build(images, experiment("file"), tmp_path / "study", bare)
    with pytest.raises(GlimpseError, match=r"known\.csv has known answers, but sentinels is 'mismatch'"):
        build(images, experiment("mismatch"), tmp_path / "study", sources(here, "file"))
    two = (Question("quality", "Which looks better?"), Question("fit", "Which fits?", "choice-or-tie"))
    asked = experiment("mismatch", questions=two)
    with pytest.raises(GlimpseError, match="one of quality, fit with --sentinel-question"):
        build(images, asked, tmp_path / "study", sources(here, "mismatch"))
    stated = replace(asked, sentinel_question="fit")
    study = build(images, stated, tmp_path / "study", sources(here, "mismatch")).study
    assert study.experiment.judged_by.name == "fit"
    page = (tmp_path / "study" / "design.html").read_text()
    assert "sentinels and practice trials are judged by fit" in page
    assert "choice-or-tie" in page


def test_one_prompt_for_all_makes_no_mismatch(here: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.csv").write_text("item,text\n" + "".join(f"{item},A  FOX\n" for item in ITEMS))
    with pytest.raises(GlimpseError, match="There is none for 0000, 0001"):
        build(
            find_images(here / "images"),
            experiment("mismatch"),
            tmp_path / "s",
            sources(tmp_path, "mismatch"),
        )


@pytest.mark.parametrize("items", [2, 3, 7, 40])
def test_few_items_still_mismatch(items: int) -> None:
    source = ByMismatch(tuple(range(items)), (0,) * items)
    names = [f"{number}" for number in range(items)]
    rows = list(planned_rows(experiment("mismatch", pairing="same-item"), names, 0, source, contextual=True))
    assert rows == list(
        planned_rows(experiment("mismatch", pairing="same-item"), names, 0, source, contextual=True)
    )
    for row in rows:
        assert (row.item_left == row.item_right) == (row.correct_side is None)


def test_no_long_runs(study: Study) -> None:
    runs = [
        all(trial.sentinel for trial in run)
        for hit in study.hits
        for run in zip(*(study.trials_of(hit.hit)[start:] for start in range(3)), strict=False)
    ]
    assert not any(runs)


@pytest.mark.parametrize(("mode", "name"), PLANS)
def test_the_plan_of_a_study_with_a_sentinel_condition_is_pinned(mode: str, name: str) -> None:
    # As before there were other sources. A change here needs a line in the changelog.
    stated = replace(preset(mode, name), practice_trials=4)
    rows = planned_rows(stated, [f"{item:03d}" for item in range(40)], 7)
    before = [tuple(row)[: Trial._fields.index("context")] for row in rows]
    assert hashlib.sha256(repr(before).encode()).hexdigest()[:16] == PLANS[mode, name]
