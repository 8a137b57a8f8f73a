"""Folders as people have them: leftovers, two ways of writing accents, files cut short, large images."""

import io
import unicodedata

import numpy as np
import pytest
from PIL import Image

from glimpse.errors import GlimpseError
from glimpse.experiment import designed, preset
from glimpse.mturk.building.building import Making, build
from glimpse.mturk.design.stimuli import common_items, find_images
from glimpse.study import read_study

CONDITIONS = ("real", "crn", "blur")


def pixels(seed, size=(32, 16)):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def lay_out(folder, items=8, size=(32, 16), ending=".png", **options):
    for place, condition in enumerate(CONDITIONS):
        (folder / condition).mkdir(parents=True)
        for item in range(items):
            path = folder / condition / f"{item:02d}{ending}"
            Image.fromarray(pixels(100 * place + item, size)).save(path, **options)
    return folder


def experiment(**numbers):
    base = preset("unlimited-time")
    few = {"trials_per_cell": 3, "hits_per_batch": 1, "sentinels_per_hit": 1, "max_wrong_sentinels": 0}
    return designed(base, contrasts=(("crn", "real"),), real="real", sentinel="blur", **few, **numbers)


def built(folder, out, **making):
    page = making.pop("page", {})
    made = Making(seed=0, versions={}, page=page, **making)
    return build(find_images(folder), experiment(), out, made)


def hosted(study):
    """Every hosted image, by its stimulus."""
    return {name: np.asarray(Image.open(study.image_path(name)).convert("RGB")) for name in study.stimuli}


def test_what_systems_and_archives_leave_is_passed_over(tmp_path):
    folder = lay_out(tmp_path / "images")
    for name in ("__MACOSX/real", ".cache", "@eaDir"):
        (folder / name).mkdir(parents=True)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._00.png", "prompts.txt"):
        (folder / "real" / name).write_bytes(b"\0\5\x16\7")
    images = find_images(folder)
    assert images.conditions == ("blur", "crn", "real")
    assert len(common_items(images, CONDITIONS)) == 8


def test_names_match_whichever_way_their_accents_are_written(tmp_path):
    folder = lay_out(tmp_path / "images")
    for form, condition in zip(("NFC", "NFD", "NFD"), CONDITIONS, strict=True):
        path = folder / condition / "00.png"
        path.rename(path.with_name(unicodedata.normalize(form, "Zürich é.png")))
    items = common_items(find_images(folder), CONDITIONS)
    assert items[-1] == unicodedata.normalize("NFC", "Zürich é")
    assert len(items) == 8
    study = built(folder, tmp_path / "study").study
    assert all(unicodedata.is_normalized("NFC", trial.item_left) for trial in study.trials)


def test_one_name_in_both_ways_is_two_images_of_one_item(tmp_path):
    folder = lay_out(tmp_path / "images")
    for form in ("NFC", "NFD"):
        Image.fromarray(pixels(0)).save(folder / "real" / unicodedata.normalize(form, "é.png"))
    with pytest.raises(GlimpseError, match="two images of item é"):
        find_images(folder)


def test_images_that_nothing_reads_are_named_not_missing(tmp_path):
    folder = lay_out(tmp_path / "images")
    for name in ("08.heic", "09.HEIC"):
        (folder / "real" / name).write_bytes(b"x")
    with pytest.raises(GlimpseError, match=r"08\.heic and 1 more cannot be read; images are PNG.*Convert"):
        find_images(folder)


def spoil(folder):
    (folder / "crn" / "05.png").write_bytes(b"")
    whole = (folder / "real" / "06.png").read_bytes()
    (folder / "real" / "06.png").write_bytes(whole[: len(whole) // 2])
    (folder / "blur" / "07.png").write_text("<html>404</html>")


def test_all_damaged_images_are_named_at_once_drawn_or_not(tmp_path):
    folder = lay_out(tmp_path / "images", items=40)
    spoil(folder)
    for check in ("auto", "all"):
        with pytest.raises(GlimpseError, match=r"^3 of 120 images cannot be used:") as error:
            built(folder, tmp_path / "study", check=check)
        assert all(name in str(error.value) for name in ("crn/05.png", "real/06.png", "blur/07.png"))
    assert not (tmp_path / "study").exists()


def test_what_is_looked_at_is_said(tmp_path, monkeypatch):
    folder = lay_out(tmp_path / "images", items=40)
    found = built(folder, tmp_path / "all").imaging
    assert (found.looked.number, found.looked.found) == (120, 120)
    assert ("checked", "all 120 images") in list(found.lines(1000))
    drawn = built(folder, tmp_path / "drawn", check="drawn").imaging
    assert drawn.looked.number == len(drawn.sources) < 10
    said = dict(drawn.lines(1000))["checked"]
    assert said == f"{drawn.looked.number} of 120 images; --check all looks at the others, too"
    monkeypatch.setattr("glimpse.mturk.building.imaging.MOST_CHECKED", 119)
    assert built(folder, tmp_path / "many").imaging.looked.number == drawn.looked.number
    with pytest.raises(GlimpseError, match="--check is 'some'; allowed are auto, all, drawn"):
        built(folder, tmp_path / "wrong", check="some")


@pytest.mark.parametrize("ending", [".tif", ".bmp", ".avif", ".jfif"])
def test_other_types_become_what_every_browser_shows(tmp_path, ending):
    kind = {"format": "JPEG"} if ending == ".jfif" else {}
    study = built(lay_out(tmp_path / "images", ending=ending, **kind), tmp_path / "study").study
    endings = {stimulus.file.rpartition(".")[2] for stimulus in study.stimuli.values()}
    assert endings == ({"jpg"} if ending == ".jfif" else {"png"})


def test_a_folder_of_sixteen_bits_keeps_its_greys(tmp_path):
    folder = lay_out(tmp_path / "images")
    ramp = np.linspace(0, 65535, 32 * 16).reshape(16, 32).astype(np.uint16)
    for item in range(8):
        Image.fromarray(ramp).save(folder / "real" / f"{item:02d}.png")
    found = built(folder, tmp_path / "study")
    real = {t.stimulus_left for t in found.study.trials if t.condition_left == "real"}
    real |= {t.stimulus_right for t in found.study.trials if t.condition_right == "real"}
    for name in real:
        np.testing.assert_array_equal(hosted(found.study)[name][..., 0], ramp >> 8)
    assert f"{len(real)} had 16 bits a channel" in list(found.imaging.changed())


def test_images_are_scaled_down_to_what_is_shown_and_it_is_said(tmp_path):
    folder = lay_out(tmp_path / "images", size=(400, 200))
    found = built(folder, tmp_path / "study", page={"display_width": 100})
    assert {(one.width, one.height) for one in found.study.stimuli.values()} == {(200, 100)}
    assert {image.shape for image in hosted(found.study).values()} == {(100, 200, 3)}
    count = len(found.study.stimuli)
    assert list(found.imaging.changed()) == [f"{count} scaled down from 400x200 to 200x100 pixels"]
    assert all(stimulus.source_sha256 == "" for stimulus in found.study.stimuli.values())
    finer = built(folder, tmp_path / "finer", page={"display_width": 100}, pixel_ratio=3)
    assert {one.width for one in finer.study.stimuli.values()} == {300}
    assert not set(finer.study.stimuli) & set(found.study.stimuli)
    kept = built(folder, tmp_path / "kept", page={"display_width": 100}, encoding="keep")
    assert {one.width for one in kept.study.stimuli.values()} == {400}
    with pytest.raises(GlimpseError, match=r"--pixel-ratio is 0\.5; allowed are 1 to 8"):
        built(folder, tmp_path / "wrong", pixel_ratio=0.5)


def test_what_needs_no_change_keeps_its_pixels_and_its_digest(tmp_path):
    folder = lay_out(tmp_path / "images", size=(400, 200))
    study = built(folder, tmp_path / "study").study
    assert (study.page_settings["width"], study.page_settings["height"]) == (400, 200)
    assert "least_width" not in study.page_settings
    for name, stimulus in study.stimuli.items():
        assert stimulus.source_sha256
        assert any(np.array_equal(hosted(study)[name], pixels(100 * place + item, (400, 200)))
                   for place in range(3) for item in range(8))  # fmt: skip


def test_images_of_one_header_only_are_kept(tmp_path):
    folder = lay_out(tmp_path / "images")
    assert built(folder, tmp_path / "kept").imaging.encoding == "keep"
    for item in range(8):  # as some programs write them: nobody sees it, but a program that reads the header
        image = Image.fromarray(pixels(item)).convert("P")
        data = io.BytesIO()
        image.save(data, "PNG", bits=8)
        (folder / "real" / f"{item:02d}.png").write_bytes(data.getvalue())
    assert built(folder, tmp_path / "anew").imaging.encoding == "png"


def test_the_window_is_said_and_what_is_too_large_for_a_laptop(tmp_path):
    folder = lay_out(tmp_path / "images", size=(1024, 1024), items=4)
    own = built(folder, tmp_path / "own")
    assert dict(own.imaging.lines(1))["shown"] == "314x314, in windows of 736 x 620 or larger"
    assert not [text for text in own.warnings if "laptop" in text]
    large = built(folder, tmp_path / "large", page={"display_width": 460})
    (warning,) = [text for text in large.warnings if "laptop" in text]
    assert warning == (
        "1024x1024 images shown at 460x460 need a window of 1,028 x 766; most laptops are smaller. "
        "--display-width 314 fits 1366x768."
    )


def test_fit_lets_a_page_choose_between_a_laptops_size_and_the_images_own(tmp_path):
    folder = lay_out(tmp_path / "images", size=(800, 800), items=4)
    found = built(folder, tmp_path / "study", page={"display": "fit"})
    settings = read_study(tmp_path / "study").page_settings
    assert (settings["width"], settings["least_width"]) == (800, 314)
    assert not [text for text in found.warnings if "laptop" in text]
    assert ',"H":800,"l":0.3925,' in found.study.page_path("b1-h01").read_text()
    small = built(lay_out(tmp_path / "small"), tmp_path / "few", page={"display": "fit"}).study
    assert (small.page_settings["width"], small.page_settings["least_width"]) == (32, 32)
