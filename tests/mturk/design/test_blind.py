"""A bot that never looks: it reads everything a browser sees of a HIT but the pixels, and stays at chance."""

import re
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest

from glimpse.experiment import Batch, preset
from glimpse.mturk.building.building import Making, build
from glimpse.mturk.building.rows import planned_rows
from glimpse.mturk.design.clip_padding import parts_of, stated_codec
from glimpse.mturk.design.stimuli import find_images
from glimpse.mturk.page.data import page_data

CONDITIONS = ("real", "crn", "pix2pix", "image-space", "encoder-decoder", "full-resolution")
SCENES = 240
# Six sights, two kinds of trials, six presets: at chance, one run in 1,000 would come below this.
UNLIKELY = 1e-5
PRESETS = [
    (mode, name) for mode in ("limited-time", "unlimited-time") for name in ("glimpse", "paper", "authors")
]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Images of which each condition compresses in a way of its own, as photographs and networks' do."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(1)
    for number, condition in enumerate(CONDITIONS):
        (folder / condition).mkdir()
        for scene in range(SCENES):
            noise = rng.integers(0, 200 >> number, (8, 16, 3), dtype=np.uint8)
            path = folder / condition / f"{scene:03d}.png"
            Image.fromarray(noise).save(path, compress_level=1 + number, pnginfo=None)
    return folder


@pytest.fixture(scope="module")
def studies(images, tmp_path_factory):
    built = {}

    def study(mode, name):
        if (mode, name) not in built:
            target = tmp_path_factory.mktemp("study") / "study"
            made = build(find_images(images), preset(mode, name), target, Making(seed=3, versions={}))
            built[mode, name] = made
        return built[mode, name]

    return study


def sights(study, hit):
    """Yield each trial with what a browser sees of it: by sight, of the left image and of the right."""
    data = page_data(study, hit, "images/")
    files = {name: study.folder / "images" / stimulus.file for name, stimulus in study.stimuli.items()}
    shown = re.findall("(.{20})(.{20})(.)(.)", data["t"])
    seen = Counter(name for left, right, _, _ in shown for name in (left, right))
    first = {}
    for place, (left, right, _, _) in enumerate(shown):
        first.setdefault(left, 2 * place)
        first.setdefault(right, 2 * place + 1)
    for trial, (left, right, exposure, ending) in zip(study.trials_of(hit), shown, strict=True):
        assert (left, right) == (trial.stimulus_left, trial.stimulus_right)
        pair = (left, right)
        raw = [files[name].read_bytes() for name in pair]
        yield (
            trial,
            {
                "size": tuple(len(one) for one in raw),
                "head of the file": tuple(one[:33] for one in raw),
                "name": pair,
                "recurrence": tuple(seen[name] for name in pair),
                "shown before": tuple(first[name] for name in pair),
                "exposure, place and file type": (ord(exposure), trial.position + ord(ending)),
            },
        )


def guesses(study):
    """Yield, by sight, if the trial is a sentinel and whether the side with more of it is the real one."""
    for hit in study.hits:
        for trial, seen in sights(study, hit.hit):
            conditions = (trial.condition_left, trial.condition_right)
            if "real" not in conditions or len(set(conditions)) == 1:
                continue
            right = conditions.index("real")
            for sight, (left_side, right_side) in seen.items():
                if left_side != right_side:
                    guess = int(left_side < right_side)
                    yield sight, trial.sentinel, guess == right


@pytest.mark.parametrize(("mode", "name"), PRESETS)
def test_a_bot_that_never_looks_stays_at_chance(studies, mode, name):
    scores = {}
    told = "Images recur within a HIT" in " ".join(studies(mode, name).warnings)
    assert told == (name != "glimpse")  # the paper drew scenes with replacement
    for sight, sentinel, right in guesses(studies(mode, name).study):
        scores.setdefault((sight, sentinel), []).append(right)
    assert {sight for sight, _ in scores} >= {"name"}
    for sight, right in scores.items():
        if told and sight[0] in {"recurrence", "shown before"}:
            continue
        test = binomtest(sum(right), len(right), 0.5)
        assert test.pvalue > UNLIKELY, f"{sight}: {sum(right)} of {len(right)}"
    sizes = {path.stat().st_size for path in (studies(mode, name).study.folder / "images").iterdir()}
    assert len(sizes) == 1


@pytest.mark.parametrize("mode", ["limited-time", "unlimited-time"])
def test_no_exposure_gives_a_sentinel_away(studies, mode):
    """Among the trials whose exposures sentinels may have, all exposures are alike."""
    study = studies(mode, "glimpse").study
    allowed = study.experiment.sentinel_exposures_ms
    shown = [trial for trial in study.trials if trial.exposure_ms in allowed]
    share = sum(trial.sentinel for trial in shown) / len(shown)
    assert {trial.exposure_ms for trial in shown if trial.sentinel} == set(allowed)
    for exposure in allowed:
        of_this = [trial.sentinel for trial in shown if trial.exposure_ms == exposure]
        assert binomtest(sum(of_this), len(of_this), share).pvalue > UNLIKELY, exposure


@pytest.mark.parametrize(("mode", "name"), PRESETS)
def test_what_a_browser_can_tell_is_said(studies, mode, name):
    said = " ".join(studies(mode, name).warnings)
    assert ("All sentinels are shown 4 s, and" in said) == (mode == "limited-time" and name != "glimpse")


@pytest.fixture(scope="module", params=["mp4", "webm"])
def moving(request, tmp_path_factory):
    """A study of clips of which each condition compresses in a way of its own."""
    folder = tmp_path_factory.mktemp("moving")
    rng = np.random.default_rng(2)
    for number, condition in enumerate(("real", "crn", "image-space")):
        (folder / "clips" / condition).mkdir(parents=True)
        for scene in range(24):
            frames = [
                Image.fromarray(rng.integers(0, 200 >> 2 * number, (16, 32, 3), dtype=np.uint8))
                for _ in range(4)
            ]
            path = folder / "clips" / condition / f"{scene:03d}.webp"
            frames[0].save(path, save_all=True, append_images=frames[1:], duration=40, lossless=True)
    contrasts = (("crn", "real"),)
    batches = (Batch("b1", contrasts, "image-space"),)
    design = replace(preset("limited-time"), contrasts=contrasts, batches=batches, hits_per_batch=4)
    making = Making(seed=3, versions={}, encoding=request.param)
    return build(find_images(folder / "clips"), design, folder / "study", making).study


def clip_sights(study, hit):
    """Yield each trial with what a browser sees of its clips, beside what it sees of images."""
    for trial, seen in sights(study, hit):
        stated = [study.stimuli[name] for name in (trial.stimulus_left, trial.stimulus_right)]
        files = [(study.folder / "images" / one.file).read_bytes() for one in stated]
        yield (
            trial,
            {
                **seen,
                "sizes of the outermost boxes": tuple(outermost(data) for data in files),
                "codec and its settings": tuple(stated_codec(data) for data in files),
                "all before the table of frames": tuple(data[: data.find(b"stsz")][:400] for data in files),
                "frames and their rate": tuple((one.frames, one.frame_rate) for one in stated),
                "words of an encoder": tuple(len(re.findall(rb"x264 - core|crf=", data)) for data in files),
            },
        )


def outermost(data):
    parts = parts_of(data)
    return len(parts.head), *parts.sizes


def test_a_bot_that_never_looks_at_clips_stays_at_chance(moving):
    scores = {}
    for hit in moving.hits:
        for trial, seen in clip_sights(moving, hit.hit):
            right = (trial.condition_left, trial.condition_right).index("real")
            for sight, (left_side, right_side) in seen.items():
                if left_side != right_side:
                    won = int(left_side < right_side) == right
                    scores.setdefault((sight, trial.sentinel), []).append(won)
    differing = {"name", "recurrence", "shown before", "exposure, place and file type"}
    assert {sight for sight, _ in scores} <= differing
    for sight, won in scores.items():
        if sight[0] not in {"recurrence", "shown before"}:  # 24 scenes come again, and build-hits says so
            assert binomtest(sum(won), len(won), 0.5).pvalue > UNLIKELY, sight
    assert len({path.stat().st_size for path in (moving.folder / "images").iterdir()}) == 1


def test_the_paper_s_numbers_stay():
    assert preset("limited-time", "paper").sentinel_exposure_ms == 4000
    assert preset("limited-time", "authors").sentinel_exposures_ms == (4000,)
    assert preset("limited-time").sentinel_exposures_ms == (1000, 2000, 4000, 8000)
    assert preset("unlimited-time").sentinel_exposures_ms == (None,)


@pytest.mark.parametrize("pairing", ["random", "same-item"])
@pytest.mark.parametrize("scenes", [20, 60, 240])
def test_real_images_of_sentinels_stand_in_other_trials_as_often_as_others(pairing, scenes):
    """Where the real condition is compared, its images tell nothing; those of the sentinel condition may."""
    experiment = replace(preset("limited-time"), pairing=pairing)
    trials = list(planned_rows(experiment, [f"i{scene}" for scene in range(scenes)], seed=1))
    uses, genuine = Counter(), Counter()
    for trial in trials:
        for image in images_of(trial):
            uses[image] += 1
            genuine[image] += not trial.sentinel and not trial.practice
    shown = {True: [], False: []}  # of real images: in how many trials of the study each stands
    for trial in trials:
        for image in images_of(trial):
            if image[0] == experiment.real:
                shown[trial.sentinel].append(uses[image])
                assert genuine[image] > 0
    assert np.mean(shown[True]) == pytest.approx(np.mean(shown[False]), rel=0.4)


def images_of(trial):
    return (trial.condition_left, trial.item_left), (trial.condition_right, trial.item_right)


def test_where_the_sentinel_condition_is_compared_nothing_is_told(images, tmp_path):
    """All images come back then, those of sentinels too."""
    few = tmp_path / "images"
    for condition in ("real", "crn", "pix2pix"):
        (few / condition).mkdir(parents=True)
        for path in sorted((images / condition).iterdir())[:12]:
            shutil.copy(path, few / condition)
    said = {}
    for contrasts in ([("crn", "real"), ("pix2pix", "real")], [("pix2pix", "real")]):
        batch = Batch("b1", tuple(contrasts), "crn")
        chosen = replace(preset("limited-time"), contrasts=tuple(contrasts), batches=(batch,), sentinel="crn",
                         hits_per_batch=4, trials_per_cell=6)  # fmt: skip
        made = build(find_images(few), chosen, tmp_path / str(len(contrasts)), Making(seed=3, versions={}))
        said[len(contrasts)] = " ".join(made.warnings)
    assert "Images recur within a HIT" not in said[2]
    assert "comparing crn, which only sentinels show" in said[1]
