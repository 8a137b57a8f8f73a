"""The gallery: columns in the paper's order, three files, a page that works from disk, readable refusals."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.exposures import FLAGS
from benchmarks.exposures import chromium as find_chromium
from glimpse.crn.scenes import sample_items
from glimpse.crn.synthesis import gallery as module
from glimpse.crn.synthesis.gallery import compose, natural, open_gallery, write_gallery
from glimpse.errors import GlimpseError
from glimpse.main import main

CLI = Path(__file__).parents[3] / "cli.py"


def paint(path, colour, size=(32, 64)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), colour, np.uint8)).save(path)


def label(path, values=(0, 2, 10, 255), size=(32, 64)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.resize(np.array(values, np.uint8), size)).save(path)


@pytest.fixture
def images(tmp_path):
    root = tmp_path / "images"
    for item in ("000001", "000002", "000010"):
        for place, condition in enumerate(("real", "crn", "pix2pix", "image-space")):
            paint(root / condition / f"{item}.png", (40 * place, 80, int(item)))
    return root


def names(gallery):
    return [column.name for column in gallery.columns]


def test_columns_stand_in_the_papers_order(images):
    for item in ("000001", "000002", "000010"):
        label(images / "labels" / f"{item}.png")
    gallery = open_gallery(images)
    assert names(gallery) == ["layout", "image-space", "pix2pix", "crn", "real"]
    assert [column.title for column in gallery.columns] == [
        "layout",
        "image-space",
        "pix2pix",
        "crn (ours)",
        "photograph",
    ]
    assert gallery.items == ("000001", "000002", "000010")


def test_ours_and_the_columns_can_be_chosen(images):
    assert names(open_gallery(images, ours="pix2pix")) == ["crn", "image-space", "pix2pix", "real"]
    assert names(open_gallery(images, columns=["real", "crn"])) == ["real", "crn"]


def test_diverse_images_stand_in_the_order_of_their_numbers(images):
    for u in range(1, 11):
        for item in ("000001", "000002", "000010"):
            paint(images / f"diverse-{u}" / f"{item}.png", u)
    order = [name for name in names(open_gallery(images)) if name.startswith("diverse")]
    assert order == [f"diverse-{u}" for u in range(1, 11)]
    assert sorted(["a10", "a9", "10", "9"], key=natural) == ["9", "10", "a9", "a10"]


def test_items_that_a_column_lacks_are_left_out(images):
    (images / "crn" / "000002.png").unlink()
    gallery = open_gallery(images)
    assert gallery.items == ("000001", "000010")
    assert gallery.left_out == ("000002",)
    assert gallery.only(["1"]).items == ("000001",)
    assert gallery.only(["000010"]).items == ("000010",)
    with pytest.raises(GlimpseError, match="item '000002' is not in crn"):
        gallery.only(["000002"])


def test_labels_show_in_their_label_sets_colours(images, tmp_path):
    for item in ("000001", "000002", "000010"):
        label(tmp_path / "maps" / f"{item}.png", (1,))
    gallery = open_gallery(images, labels=tmp_path / "maps", labels_in="camvid")
    assert (gallery.image(gallery.columns[0], "000001") == (128, 0, 0)).all()
    assert (open_gallery(images, labels=tmp_path / "maps").label_set) == "cityscapes"


def test_the_bundled_samples_bring_their_layouts(tmp_path):
    for item in sample_items()[:2]:
        (tmp_path / "real").mkdir(exist_ok=True)
        shutil.copy(item.photo, tmp_path / "real")
    gallery = open_gallery(tmp_path)
    assert names(gallery) == ["layout", "real"]
    assert gallery.image(gallery.columns[0], "000001").shape == (128, 256, 3)
    paint(tmp_path / "real" / "000001.png", 9)
    assert names(open_gallery(tmp_path)) == ["real"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["real", "gan"]}, "has no column 'gan'; it has crn, image-space, pix2pix, real"),
        ({"columns": ["layout"]}, "no column 'layout'.* Name the label maps' folder with --labels"),
        ({"labels": "/nowhere"}, "/nowhere: no label maps there"),
        ({"ours": "mine"}, "--ours 'mine': there is no such condition; there are crn"),
        ({"ours": "mine", "columns": ["real", "crn"]}, "--ours 'mine': there is no such condition"),
        ({"real": "photos"}, "--real 'photos': there is no such condition; there are crn"),
    ],
)
def test_what_is_not_there_is_named(images, options, message):
    with pytest.raises(GlimpseError, match=message):
        open_gallery(images, **options)


def test_label_maps_are_no_condition(images):
    label(images / "labels" / "000001.png")
    with pytest.raises(GlimpseError, match="--ours 'layout': there is no such condition; there are crn"):
        open_gallery(images, ours="layout")


def test_labels_that_no_label_set_knows_are_said(images, tmp_path):
    """They are shown as void; the bundled set that fits is found without a word."""
    for item in ("000001", "000002", "000010"):
        label(tmp_path / "labels" / f"{item}.png", (200,))
    words = ["gallery", str(images), "--labels", str(tmp_path / "labels"), "--out", str(tmp_path / "g")]
    for more, name in (([], "cityscapes"), (["--label-set", "camvid"], "camvid")):
        told = CliRunner().invoke(main, [*words, *more])
        assert told.exit_code == 0, told.output
        assert f"values that the label set {name} does not know. They are shown as void" in told.output
    for item in ("000001", "000002", "000010"):
        label(tmp_path / "labels" / f"{item}.png", (0, 11))
    assert not open_gallery(images, labels=tmp_path / "labels").strange


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(GlimpseError, match=r"no such folder; `python cli\.py synthesize` makes one"):
        open_gallery(tmp_path / "nowhere")
    (tmp_path / "notes").mkdir()
    with pytest.raises(GlimpseError, match="holds no folders of images"):
        open_gallery(tmp_path)
    paint(tmp_path / "a" / "1.png", 0)
    paint(tmp_path / "b" / "2.png", 0)
    with pytest.raises(GlimpseError, match="no item is in all of a, b"):
        open_gallery(tmp_path)


def test_a_damaged_image_stops_before_anything_is_written(images, tmp_path):
    (images / "crn" / "000002.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(GlimpseError, match=r"crn/000002\.png cannot be read as an image"):
        write_gallery(open_gallery(images), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_figure_has_every_image_in_its_place():
    table = [[np.full((10, 20, 3), value, np.uint8) for value in row] for row in ((10, 60), (110, 160))]
    sheet = compose(table, ["a", "b"], 40)
    for value in (10, 60, 110, 160):
        assert ((sheet == value).all(-1)).sum() >= 40 * 20
    rows, columns = (np.nonzero((sheet == 160).all(-1))[axis] for axis in (0, 1))
    assert rows.min() > sheet.shape[0] / 2
    assert columns.min() > sheet.shape[1] / 2


def test_three_files_are_written_and_the_same_input_gives_the_same_bytes(images, tmp_path):
    first = write_gallery(open_gallery(images), tmp_path / "a", rows=2)
    second = write_gallery(open_gallery(images), tmp_path / "b", rows=2)
    for one, other in ((first.png, second.png), (first.pdf, second.pdf), (first.page, second.page)):
        assert one.read_bytes() == other.read_bytes()
    assert first.pdf.read_bytes().startswith(b"%PDF")
    assert first.images == 0
    html = first.page.read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == 12
    assert not re.search(r'(src|href)="(?!data:)', html)


def test_names_are_escaped(tmp_path):
    paint(tmp_path / "images" / "<b>&" / "a'<i>.png", 0)
    written = write_gallery(open_gallery(tmp_path / "images"), tmp_path / "out", title="</title><script>")
    html = written.page.read_text(encoding="utf-8")
    for raw in ("<b>", "<i>", "</title><script>"):
        assert raw not in html
    known = re.search(r'id="columns">(.*?)</script>', html)
    assert json.loads(known[1])[0]["name"] == "<b>&"


def test_large_galleries_keep_their_images_beside_the_page(images, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "EMBEDDED_BYTES", 10)
    written = write_gallery(open_gallery(images), tmp_path / "out")
    html = written.page.read_text(encoding="utf-8")
    sources = re.findall(r'<img src="([^"]+)"', html)
    assert len(sources) == written.images == 12
    assert all((tmp_path / "out" / source).is_file() for source in sources)


def test_the_command_says_what_it_wrote(images, tmp_path):
    done = subprocess.run(
        [sys.executable, str(CLI), "gallery", str(images), "--out", str(tmp_path / "out"), "--items", "2"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "gallery.pdf: 2 items, image-space | pix2pix | crn (ours) | photograph" in done.stdout
    assert "index.html: 2 items to look through in a browser" in done.stdout
    assert "Next: open" in done.stdout


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="without Chromium")
@pytest.mark.parametrize("embedded", [True, False])
def test_the_page_works_from_disk(images, tmp_path, monkeypatch, embedded):
    from playwright.sync_api import sync_playwright

    if not embedded:
        monkeypatch.setattr(module, "EMBEDDED_BYTES", 10)
    written = write_gallery(open_gallery(images), tmp_path / "out")
    errors = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 700})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text))
        page.goto(written.page.as_uri())
        assert page.evaluate(
            "Promise.all([...document.images].slice(0, 12).map(i => (i.loading = 'eager', i.decode())))"
            ".then(() => [...document.querySelectorAll('td img')].every(i => i.naturalWidth === 64))"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 1000

        def state():
            current = page.locator(".strip button[aria-current=true]").inner_text()
            return page.locator("dialog .item").inner_text(), current

        page.locator("td button").first.click()
        assert state() == ("000001", "image-space")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert state() == ("000002", "pix2pix")
        page.keyboard.down(" ")
        assert state() == ("000002", "photograph")
        page.keyboard.up(" ")
        assert state() == ("000002", "pix2pix")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        assert state() == ("000010", "pix2pix")
        page.get_by_text("Next item").click()
        assert state() == ("000001", "pix2pix")
        page.keyboard.press("Escape")
        assert not page.evaluate("document.getElementById('view').open")
        page.get_by_label("crn (ours)").uncheck()
        assert page.locator("td button:visible").count() == 9
        page.keyboard.press("ArrowRight")
        assert not page.evaluate("document.getElementById('view').open")
        browser.close()
    assert errors == []


def test_images_that_no_browser_shows_stand_in_the_page_as_png(images, tmp_path):
    for path in sorted((images / "crn").iterdir()):
        Image.open(path).save(path.with_suffix(".tif"))
        path.unlink()
    (images / "crn" / "._000001.tif").write_bytes(b"x")
    (images / "__MACOSX").mkdir()
    gallery = open_gallery(images)
    assert gallery.items == ("000001", "000002", "000010")
    page = write_gallery(gallery, tmp_path / "out").page.read_text()
    assert "image/tiff" not in page
    assert page.count("data:image/png") == 12
