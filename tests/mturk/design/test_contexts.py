"""Prompts and references by item: read as people and generators have them, refused by file and line."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from glimpse.errors import GlimpseError
from glimpse.experiment import Experiment, designed, preset
from glimpse.forms import FormField
from glimpse.mturk.building.building import Making, build, build_rows
from glimpse.mturk.design.context import read_contexts, without_references
from glimpse.mturk.design.sources import Sources
from glimpse.mturk.design.stimuli import find_images
from glimpse.study import read_study
from glimpse.trials import trials_csv

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = [f"{number:04d}" for number in range(12)]
MAKING = Making(seed=0, versions={})


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with images/flux, images/sdxl, and images/layout, whose images have another size."""
    rng = np.random.default_rng(0)
    for condition, size in (("flux", (16, 24, 3)), ("sdxl", (16, 24, 3)), ("layout", (20, 8, 3))):
        (tmp_path / "images" / condition).mkdir(parents=True)
        for item in ITEMS:
            pixels = rng.integers(0, 256, size, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / condition / f"{item}.png")
    return tmp_path


def experiment(**numbers: object) -> Experiment:
    settings = {"hits_per_batch": 2, "trials_per_cell": 4, "sentinels_per_hit": 0, **numbers}
    return designed(
        preset("unlimited-time"), contrasts=(("flux", "sdxl"),), real=None, sentinel=None, **settings
    )


def prompts(here: Path, items: list[str] = ITEMS) -> Path:
    file = here / "prompts.csv"
    file.write_text("item,text\n" + "".join(f'{item},"A fox, number {item}"\n' for item in items))
    return file


def making(here: Path, **sources: Path) -> Making:
    if "prompts" not in sources:
        sources["prompts"] = prompts(here)
    return replace(MAKING, sources=Sources(**sources))


def texts(path: Path) -> dict[str, str]:
    return {item: prompt.text for item, prompt in read_contexts(path).texts.items()}


WANTED = {"0001": "A fox", "0002": "Zwei Füchse,\nnachts"}


def test_a_table_a_metadata_file_and_text_files_say_the_same(here: Path) -> None:
    (here / "a.csv").write_text('item;text\n0001;A fox\n0002;"Zwei Füchse,\r\nnachts"\n', encoding="utf-16")
    (here / "b.csv").write_text('file_name,caption\nflux/0001.png, A fox \n0002.png,"Zwei Füchse,\nnachts"\n')
    lines = [
        {"file_name": "flux/0001.png", "text": "A fox"},
        {"file_name": "0002.JPG", "prompt": WANTED["0002"]},
    ]
    (here / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    (here / "files").mkdir()
    for item, text in WANTED.items():
        (here / "files" / f"{item}.txt").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        for condition in ("flux", "sdxl"):
            (here / "images" / condition / f"{item}.txt").write_text(text)
    (here / "images" / "flux" / "notes.txt").write_text("Made on Monday.")
    for path in ("a.csv", "b.csv", "metadata.jsonl", "files", "images", "."):
        assert texts(here / path) == WANTED, path


def test_accents_may_be_written_in_two_ways(here: Path) -> None:
    (here / "p.csv").write_text(f"item,text\n{unicodedata.normalize('NFD', 'über')},A fox\n")
    assert list(texts(here / "p.csv")) == ["über"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", b"item,text\n0001,A\n0001,B\n", "p.csv, line 3: '0001' stands on line 2 already"),
        ("p.csv", b"item,text\n0001,A\n0002, \n", "p.csv, line 3: the text of item '0002' is empty"),
        ("p.csv", b"item,text\n,A\n", "p.csv, line 2: the item is empty"),
        ("p.csv", b"item,text\n0001,A cat, a dog\n", "p.csv, line 2: 3 cells under 2 columns.*quotation"),
        ("p.csv", b"item,text\n0001\n", "p.csv, line 2: 1 cells under 2 columns"),
        ("p.csv", b"item,words\n0001,A\n", "p.csv needs the columns item and text .*found are item, words"),
        ("p.csv", b"item,text\n", "p.csv has no prompt"),
        ("p.csv", b"item,text\n0001,A\n0002,M\xfcnchen\n", "p.csv, line 3: not UTF-8"),
        (
            "p.csv",
            b"item,text\n0001,A\x07B\n",
            r"p.csv, line 2: the item or its text holds the character U\+0007",
        ),
        ("p.csv", b"item,text\n0001," + b"x" * 10_001, "p.csv, line 2: the text has 10001 characters"),
        ("m.jsonl", b'{"file_name": "0001.png", "text": "A"}\n{"file_name"', "m.jsonl, line 2: not JSON"),
        ("m.jsonl", b'["0001"]', "m.jsonl, line 1: each line is one JSON object, found list"),
        ("m.jsonl", b'{"file_name": "1.png", "label": 3}', "m.jsonl, line 1: .*found are file_name, label"),
        ("m.jsonl", b'{"file_name": "1.png", "text": "M\xfc"}', "m.jsonl, line 1: not UTF-8"),
        (
            "m.jsonl",
            b'{"file_name": "a/1.png", "text": "A"}\n{"file_name": "b/1.png", "text": "B"}',
            "m.jsonl, line 1 and .*m.jsonl, line 2 differ in the text of item '1'",
        ),
    ],
)
def test_what_is_wrong_with_prompts_is_named(here: Path, name: str, content: bytes, message: str) -> None:
    (here / name).write_bytes(content)
    with pytest.raises(GlimpseError, match=message):
        read_contexts(here / name)


def test_text_files_that_differ_between_conditions_are_named(here: Path) -> None:
    for condition in ("flux", "sdxl"):
        for item in ITEMS:
            (here / "images" / condition / f"{item}.txt").write_text("A fox")
    (here / "images" / "sdxl" / "0003.txt").write_text("A wolf")
    (here / "images" / "sdxl" / "0004.txt").write_text("A bear")
    with pytest.raises(
        GlimpseError, match=r"flux/0003.txt and .*sdxl/0003.txt differ.*2 such items: 0003, 0004"
    ):
        read_contexts(here / "images")
    (here / "images" / "sdxl" / "0003.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GlimpseError, match=r"sdxl/0003.txt, line 1: not UTF-8"):
        read_contexts(here / "images")


@pytest.mark.parametrize("path", ["nowhere.csv", "nowhere"])
def test_what_is_not_there_is_named(here: Path, path: str) -> None:
    with pytest.raises(GlimpseError, match=f"There is no .*{path}"):
        read_contexts(here / path)
    with pytest.raises(GlimpseError, match=f"There is no folder .*{path}"):
        read_contexts(image=here / path)


def test_each_trial_has_its_item_s_context(here: Path) -> None:
    images = find_images(here / "images")
    sources = {"references": here / "images" / "layout"}
    built = build(images, experiment(), here / "study", making(here, **sources))
    study = read_study(here / "study")
    assert study == built.study
    assert "Both sides of a pair are of one item" in built.warnings[0]
    assert study.experiment.pairing == "same-item"
    for trial in study.trials:
        assert trial.context == trial.item_left == trial.item_right
        context = study.contexts[trial.context]
        assert context.text == f"A fox, number {trial.context}"
        reference = study.stimuli[context.image]
        assert (reference.width, reference.height) == (8, 20)
    assert list(study.contexts) == sorted({trial.context for trial in study.trials})
    assert len(study.contexts) == 8 < len(ITEMS)  # those of items that no trial shows are left out
    assert study.page_settings["width"] == 24  # the pictures', whatever size references have
    files = list((here / "study" / "images").iterdir())
    assert {path.stem for path in files} == set(study.stimuli)
    assert len({path.stat().st_size for path in files}) == 1
    hosted = " ".join(path.name for path in files) + (here / "study" / "pages" / "b1-h01.html").read_text()
    assert not re.search("flux|sdxl|layout|0003", hosted)
    page = (here / "study" / "design.html").read_text()
    assert "8 items have a prompt or reference" in page
    assert "the first 5 are:" in page
    assert f"A fox, number {next(iter(study.contexts))}" in page


def test_references_are_no_condition(here: Path) -> None:
    images = find_images(here / "images")
    assert images.conditions == ("flux", "layout", "sdxl")
    assert without_references(images, here / "images" / "layout").conditions == ("flux", "sdxl")
    assert without_references(images, here / "images" / ".." / "images" / "layout").conditions == (
        "flux",
        "sdxl",
    )
    assert without_references(images, None) is images


def test_a_pairing_that_was_asked_for_is_refused(here: Path) -> None:
    images = find_images(here / "images")
    with pytest.raises(GlimpseError, match="pairing is 'random', and each item has its own prompt"):
        build(images, experiment(), here / "study", making(here), pairing_asked=True)
    assert not (here / "study").exists()
    built = build(images, experiment(pairing="same-item"), here / "study", making(here), pairing_asked=True)
    assert "Both sides of a pair are of one item" not in " ".join(built.warnings)


def test_items_and_prompts_must_fit(here: Path) -> None:
    images = find_images(here / "images")
    few = making(here, prompts=prompts(here, ITEMS[:10]))
    with pytest.raises(
        GlimpseError, match=r"prompts.csv has no prompt for 2 of 12 items: 0010, 0011.*--allow-missing"
    ):
        build(images, experiment(), here / "study", few)
    study = build(images, experiment(), here / "study", few, allow_missing=True).study
    assert not {"0010", "0011"} & set(study.contexts)
    more = making(here, prompts=prompts(here, [*ITEMS, "0012", "0013"]))
    with pytest.raises(GlimpseError, match=r"prompts.csv, line 14: a prompt for item '0012'.*2 such items"):
        build(images, experiment(), here / "other", more)
    short = making(here, prompts=prompts(here, [item.lstrip("0") or "0" for item in ITEMS]))
    with pytest.raises(GlimpseError, match=r"prompts.csv, line 2: .*Is it '0000', whose zeros"):
        build(images, experiment(), here / "other", short)
    (here / "images" / "layout" / "0005.png").unlink()
    lacking = making(here, references=here / "images" / "layout")
    with pytest.raises(GlimpseError, match="layout has no reference image for 1 of 12 items: 0005"):
        build(images, experiment(), here / "other", lacking)
    assert not (here / "other").exists()


def test_what_stands_with_pairs_makes_another_study(here: Path) -> None:
    images = find_images(here / "images")
    layout = {"references": here / "images" / "layout"}
    field = FormField("age", "How old are you?", "number")
    named = experiment(pairing="same-item")
    studies = []
    for number, made in enumerate(
        (MAKING, making(here), making(here, **layout), replace(making(here), forms=(field,)))
    ):
        studies.append(build(images, named, here / f"study{number}", made).study)
    changed = here / "changed.csv"
    changed.write_text(prompts(here).read_text().replace("fox", "wolf"))
    studies.append(build(images, named, here / "study4", making(here, prompts=changed)).study)
    assert len({study.study for study in studies}) == len(studies)
    assert studies[3].forms == (field,)
    assert "How old are you?" in (here / "study3" / "design.html").read_text()
    plans = [[(trial.item_left, trial.condition_left) for trial in study.trials] for study in studies]
    assert all(plan == plans[0] for plan in plans)


def test_same_inputs_same_bytes(here: Path) -> None:
    made = making(here, references=here / "images" / "layout")
    for name in ("one", "two"):
        build(find_images(here / "images"), experiment(), here / name, made)
    one, two = here / "one", here / "two"
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)


def test_a_design_that_is_given_takes_contexts_where_pairs_show_one_item(here: Path) -> None:
    images = find_images(here / "images")
    planned = build(images, experiment(pairing="same-item"), here / "plan", MAKING).study
    rows = [trial._replace(stimulus_left="", stimulus_right="") for trial in planned.trials]
    study = build_rows(images, planned.experiment, rows, here / "study", making(here)).study
    assert [trial.context for trial in study.trials] == [trial.item_left for trial in planned.trials]
    assert trials_csv(planned.trials) != trials_csv(study.trials)
    mixed = [row._replace(item_left="0000", item_right="0001") for row in rows]
    with pytest.raises(GlimpseError, match="Trial t0001 shows items 0000 and 0001, and each has its own"):
        build_rows(images, planned.experiment, mixed, here / "other", making(here))
