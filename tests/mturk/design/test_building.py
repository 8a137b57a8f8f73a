"""From folders of images to a study folder, and back."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from glimpse.counting import chance_of_exclusion
from glimpse.errors import GlimpseError
from glimpse.experiment import Experiment, designed, preset
from glimpse.mturk.building import building, writing
from glimpse.mturk.building.building import Built, Making, Texts, build
from glimpse.mturk.building.contrast_map import connection_warnings
from glimpse.mturk.building.design_page import cell_counts, longest_sentinel_run, repeats
from glimpse.mturk.design.contrasts import infer
from glimpse.mturk.design.spreading import spread
from glimpse.mturk.design.stimuli import find_images
from glimpse.mturk.page.data import page_data
from glimpse.mturk.page.pages import html_question, image_base, page_html, question_xml
from glimpse.mturk.page.settings import page_settings
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.questions import Question
from glimpse.study import Stimulus, read_study
from glimpse.trials import read_trials, trials_csv

if TYPE_CHECKING:
    from pathlib import Path

CONDITIONS = ("crn", "image-space", "pix2pix", "real")
MAKING = Making(seed=0, versions={"glimpse": "0"})


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "images"
    rng = np.random.default_rng(0)
    for condition in CONDITIONS:
        (folder / condition).mkdir(parents=True)
        for item in range(24):
            pixels = rng.integers(0, 256, (16, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / condition / f"{item:06d}.png")
    return folder


def small(**numbers: object) -> Experiment:
    settings = {"hits_per_batch": 2, "trials_per_cell": 1, "sentinels_per_hit": 2, **numbers}
    contrasts = (("crn", "real"), ("pix2pix", "real"))
    return designed(
        preset("limited-time"), contrasts=contrasts, real="real", sentinel="image-space", **settings
    )


@pytest.mark.parametrize(
    ("contrasts", "groups"),
    [
        ((("crn", "real"), ("pix2pix", "image-space")), "crn and real; pix2pix and image-space"),
        ((("crn", "real"), ("pix2pix", "real")), None),
        ((("a", "b"), ("c", "d"), ("b", "e"), ("f", "g"), ("c", "f")), "a, b and e; c, d, f and g"),
    ],
)
def test_contrasts_that_leave_groups_apart_are_warned_about(
    contrasts: tuple[tuple[str, str], ...], groups: str | None
) -> None:
    experiment = designed(
        preset("limited-time"), contrasts=contrasts, real=None, sentinel=None, sentinels_per_hit=0
    )
    found = list(connection_warnings(experiment))
    assert bool(found) == (groups is not None)
    if groups:
        assert f"with one another: {groups}. A ranking" in found[0]


@pytest.fixture(scope="module")
def built(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    target = tmp_path_factory.mktemp("out") / "study"
    return build(find_images(images), preset("limited-time"), target, MAKING)


def test_the_sample_of_24_scenes_makes_the_papers_study(built: Built) -> None:
    study = built.study
    assert [hit.trials for hit in study.hits] == [110] * 10
    counts = cell_counts(study.trials)
    sentinels = [c for c in counts if c.contrast.startswith("image-space:real")]
    assert {c.exposure for c in sentinels} == {"1000 ms", "2000 ms", "4000 ms", "8000 ms"}
    assert sorted(c.trials for c in sentinels) == [12, 12, 13, 13]
    counts = [c for c in counts if c not in sentinels]
    assert len(counts) == 21
    assert {(c.trials, c.least_per_hit, c.most_per_hit) for c in counts} == {(50, 5, 5)}
    assert {c.first_left for c in counts} == {25}
    assert sum(trial.sentinel for trial in study.trials) == 50
    assert len({trial.trial for trial in study.trials}) == 1100
    assert "24 scenes, and a HIT shows 220" in built.warnings[0]
    assert built.warnings[1] == (
        "Each condition shows 24 images, and one stands in 2.3 of a cell's 50 trials on average. Answers "
        "about one image are alike, so intervals will be about 55 % wider than if every image "
        "stood in one trial. More images make them narrower; power shows by how much."
    )
    assert repeats(study.trials) == {"most": 10, "closest": 11}
    assert longest_sentinel_run(study.trials) <= 2


def test_the_study_reads_back_equal(built: Built) -> None:
    study = read_study(built.study.folder)
    assert study == built.study
    study.check_images()
    assert tuple(read_trials(trials_csv(study.trials).splitlines(keepends=True))) == study.trials
    value = json.loads((study.folder / "study.json").read_text())
    for key in ("schema_version", "study", "title", "experiment", "seed", "secret", "stimuli", "hits"):
        assert key in value
    assert re.fullmatch("[a-z0-9]{16}", study.study)


def test_same_images_and_seed_same_bytes(images: Path, built: Built, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(images, tmp_path / "copy")
    again = build(find_images(elsewhere), preset("limited-time"), tmp_path / "again", MAKING)
    one, two = built.study.folder, again.study.folder
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)
    other = build(find_images(images), small(), tmp_path / "other", replace(MAKING, seed=1))
    assert not set(other.study.stimuli) & set(built.study.stimuli)


@pytest.mark.parametrize(
    "change",
    [
        {"texts": Texts(title="Which of these is a photograph?")},
        {"texts": Texts(description="Look, and choose.")},
        {"texts": Texts(keywords=("image",))},
        {"questions": (Question("fake", "Which image looks more fake?"),)},
        {"page": {"consent": "You may stop at any time."}},
        {"page": {"display_width": 128}},
        {"page": {"fixation_ms": 900}},
        {"page": {"origins": ("https://lab.example",)}},
        {"encoding": "webp"},
        {"seed": 1},
    ],
    ids=str,
)
def test_whatever_workers_see_makes_another_study(images: Path, tmp_path: Path, change: dict) -> None:
    one = build(find_images(images), small(), tmp_path / "one", MAKING).study
    of_making = {name: value for name, value in change.items() if name != "questions"}
    asked = replace(small(), questions=change.get("questions", small().questions))
    other = build(find_images(images), asked, tmp_path / "other", replace(MAKING, **of_making)).study
    assert other.study != one.study
    assert not set(other.stimuli) & set(one.stimuli)


def test_another_page_template_makes_another_study(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = build(find_images(images), small(), tmp_path / "one", MAKING).study
    monkeypatch.setattr(building, "template_sha256", lambda: "another")
    assert build(find_images(images), small(), tmp_path / "other", MAKING).study.study != one.study


def test_a_folder_in_which_nothing_came_about_is_replaced(images: Path, tmp_path: Path) -> None:
    target = tmp_path / "study"
    first = build(find_images(images), small(), target, MAKING).study
    ledger = Ledger(ledger_path(target, "local"))
    ledger.record("opened", study=first.study)
    ledger.record("outcome", key="images", base_url="/media/x/")
    ledger.record("intent", key="hit:b1-h01:1")
    ledger.record("refused", key="hit:b1-h01:1", code="InvalidQuestion", detail="no")
    build(find_images(images), small(), target, replace(MAKING, force=True))
    assert not (target / "published").exists()


def test_a_question_is_the_page_that_was_frozen(images: Path, tmp_path: Path) -> None:
    study = build(find_images(images), small(), tmp_path / "study", MAKING).study
    base = 'https://i.example/a"b<c/'
    xml = question_xml(study, "b1-h01", base)
    assert xml == html_question(page_html(study, "b1-h01", base))
    assert image_base(xml) == base
    assert image_base("<HTMLQuestion>") is None
    path = study.page_path("b1-h01")
    path.write_text(path.read_text() + "<!-- frozen -->")
    assert "<!-- frozen -->" in question_xml(study, "b1-h01", base)


def test_sentinels_and_practice_have_a_known_answer(images: Path, tmp_path: Path) -> None:
    study = build(find_images(images), small(practice_trials=3), tmp_path / "s", MAKING).study
    for trial in study.trials:
        known = trial.sentinel or trial.practice
        assert (trial.correct_side is not None) == known
        if known:
            side = trial.condition_left if trial.correct_side == "left" else trial.condition_right
            assert side == "real"
            assert {trial.condition_left, trial.condition_right} == {"real", "image-space"}
    first = study.trials_of(study.hits[0].hit)
    assert [trial.practice for trial in first[:4]] == [True, True, True, False]
    assert [trial.exposure_ms for trial in first[:3]] == [8000, 1000, 125]


def test_nothing_in_the_page_tells_conditions_sides_or_sentinels(built: Built) -> None:
    study = built.study
    for hit in study.hits[:2]:
        # Names are letters at random, which may spell a condition.
        page = study.page_path(hit.hit).read_text()
        page = page.replace(page_data(study, hit.hit, "")["t"], "")
        for word in ("crn", "pix2pix", "image-space", "sentinel", "correct_side", study.secret, "000001"):
            assert word not in page
        data = page_data(study, hit.hit, "https://images.example/")
        trials = study.trials_of(hit.hit)
        assert data["p"] == ""
        assert len(data["t"]) == 42 * 110
        for number, trial in enumerate(trials):
            part = data["t"][42 * number : 42 * number + 42]
            assert part[:20] == trial.stimulus_left
            assert part[20:40] == trial.stimulus_right
            assert data["e"][int(part[40], 36)] == trial.exposure_ms
            assert f"t{data['n'] + number:0{data['d']}d}" == trial.trial


def test_the_page_needs_nothing_that_a_strict_policy_forbids(built: Built) -> None:
    page = page_html(built.study, "b1-h01", "https://images.example/")
    assert not re.findall(r"<[^>]+\son\w+=", page)
    assert not re.findall(r"<[^>]+\sstyle=", page)
    assert "eval(" not in page
    assert set(re.findall(r"https?://[^\"' <)]+", page)) == {
        "https://images.example/",
        "https://www.mturk.com",
        "https://workersandbox.mturk.com",
    }
    assert len(re.findall("<script", page)) == 2
    assert len(re.findall("<style", page)) == 1


def test_the_question_fits_with_room_to_spare(built: Built) -> None:
    xml = question_xml(built.study, "b1-h01", "https://images.example/studies/2026/a-long-name/")
    assert len(xml.encode()) < 45_056
    assert built.question_bytes < 45_056
    root = ET.fromstring(xml)
    assert root.tag.endswith("2011-11-11/HTMLQuestion.xsd}HTMLQuestion")
    assert root[0].text == page_html(
        built.study, "b1-h01", "https://images.example/studies/2026/a-long-name/"
    )
    assert root[1].text == "0"


def test_a_question_too_large_for_mechanical_turk_is_for_one_s_own_server(
    images: Path, tmp_path: Path
) -> None:
    many = small(trials_per_cell=80, hits_per_batch=1, time_allotted_minutes=2000)
    made = build(find_images(images), many, tmp_path / "s", MAKING)
    assert f"a question of up to {made.question_bytes} bytes, and Mechanical Turk" in " ".join(made.warnings)
    message = (
        r"HIT b1-h01 makes a question of \d{5} bytes; Mechanical Turk allows 65535. Use fewer trials a HIT "
        r"\(--trials-per-cell of build-hits\) and more HITs \(--hits-per-batch\), or shorter prompts\."
    )
    with pytest.raises(GlimpseError, match=message):
        question_xml(made.study, "b1-h01", "https://images.example/")
    far_more = small(trials_per_cell=800, hits_per_batch=1, time_allotted_minutes=2000)
    with pytest.raises(GlimpseError, match="bytes; your own server takes 400000"):
        build(find_images(images), far_more, tmp_path / "t", MAKING)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_cdata_cannot_be_closed_from_inside() -> None:
    root = ET.fromstring(html_question("<p>a]]>b</p>"))
    assert root[0].text == "<p>a]]>b</p>"


def test_page_settings_are_checked() -> None:
    stimuli = [Stimulus("a.png", "", 1024, 512)]
    settings = page_settings(stimuli)
    assert (settings.width, settings.height) == (586, 293)
    assert page_settings(stimuli, display_width=800).height == 400
    for wrong, message in (
        ({"display_width": 4}, "shown at 4x2"),
        ({"display": "huge"}, "--display is 'huge'; allowed are fixed, fit"),
        ({"consent": "a\n\nb\udcff"}, r"--consent holds the character U\+DCFF"),
        ({"consent": "  "}, "--consent is empty"),
        ({"context_when": "after"}, "context_when is 'after'; allowed are with, before"),
        ({"language": "xx"}, "language 'xx' has no catalogue"),
        ({"fixation_ms": 10}, "fixation_ms is 10"),
        ({"origins": ("https://x.example/path",)}, "without a path"),
        ({"origins": ("javascript:alert(1)",)}, "must be like https://example.org"),
    ):
        with pytest.raises(GlimpseError, match=message):
            page_settings(stimuli, **wrong)


def test_words_of_the_requester_are_escaped(images: Path, tmp_path: Path) -> None:
    asked = replace(small(), questions=(Question("bold", "<b>Which?</b>"),))
    page = {"consent": "A & B </script>"}
    study = build(find_images(images), asked, tmp_path / "s", replace(MAKING, page=page)).study
    html = study.page_path("b1-h01").read_text()
    assert "&lt;b&gt;Which?&lt;/b&gt;" in html
    assert "A &amp; B &lt;/script&gt;" in html


def test_an_existing_study_is_refused(images: Path, tmp_path: Path) -> None:
    found, target = find_images(images), tmp_path / "study"
    first = build(found, small(), target, MAKING).study
    with pytest.raises(GlimpseError, match="already exists, and a study is frozen"):
        build(found, small(), target, MAKING)
    second = build(found, small(), target, replace(MAKING, seed=5, force=True)).study
    assert first.study != second.study
    ledger = Ledger(ledger_path(target, "local"))
    ledger.record("opened", study=second.study)
    ledger.record("intent", key="hit:b1-h01:1")
    with pytest.raises(GlimpseError, match="was published; it is never overwritten"):
        build(found, small(), target, replace(MAKING, force=True))
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.tex").write_text("")
    with pytest.raises(GlimpseError, match="is not a study folder; --force replaces only study folders"):
        build(found, small(), other, replace(MAKING, force=True))


def test_a_study_that_cannot_be_written_is_named(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    found = find_images(images)
    monkeypatch.setattr("os.mkdir", refuse)
    with pytest.raises(PermissionError) as error:
        build(found, small(), tmp_path / "study", MAKING)
    assert error.value.filename == str(tmp_path / "study")


def test_whole_or_not_at_all(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_trials: object) -> str:
        raise OSError("disk full")

    build(find_images(images), small(), tmp_path / "study", MAKING)
    before = read_study(tmp_path / "study")
    monkeypatch.setattr(writing, "trials_csv", broken)
    with pytest.raises(OSError, match="disk full"):
        build(find_images(images), small(), tmp_path / "study", replace(MAKING, seed=9, force=True))
    with pytest.raises(OSError, match="disk full"):
        build(find_images(images), small(), tmp_path / "new", MAKING)
    monkeypatch.undo()
    assert read_study(tmp_path / "study") == before
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "study.json").unlink(), "holds no study"),
        (lambda f: (f / "study.json").write_text("{"), "study.json, line 1: not JSON"),
        (
            lambda f: (f / "study.json").write_text('{"schema_version": 9}'),
            "schema_version is 9; this program reads 1",
        ),
        (lambda f: (f / "trials.csv").write_text("x\n"), "trials.csv is missing or changed"),
        (lambda f: (f / "pages" / "b1-h01.html").write_text("x"), "b1-h01.html is missing or changed"),
        (lambda f: next((f / "images").iterdir()).unlink(), "images lacks 1 images"),
    ],
)
def test_damage_is_seen(built: Built, tmp_path: Path, damage: object, message: str) -> None:
    folder = shutil.copytree(built.study.folder, tmp_path / "study")
    damage(folder)
    with pytest.raises(GlimpseError, match=message):
        read_study(folder)


def test_a_changed_image_is_seen_when_images_are_checked(built: Built, tmp_path: Path) -> None:
    folder = shutil.copytree(built.study.folder, tmp_path / "study")
    next((folder / "images").iterdir()).write_bytes(b"x")
    with pytest.raises(GlimpseError, match="is missing or changed since build-hits"):
        read_study(folder).check_images()


def test_a_hit_that_is_not_there(built: Built) -> None:
    with pytest.raises(GlimpseError, match=r"no HIT 'b9'.*b1-h01, b1-h02, b1-h03, b1-h04 \.\.\. b1-h10"):
        built.study.hit("b9")


def test_unlimited_time_has_a_batch_a_baseline(images: Path, tmp_path: Path) -> None:
    experiment = designed(
        preset("unlimited-time"),
        contrasts=(("crn", "pix2pix"), ("crn", "image-space")),
        real="real",
        sentinel=None,
    )
    built = build(find_images(images), experiment, tmp_path / "s", MAKING)
    assert [hit.hit for hit in built.study.hits[:6]] == [*(f"b1-h0{n}" for n in range(1, 6)), "b2-h01"]
    assert {hit.trials for hit in built.study.hits} == {110}
    rows = list(csv.DictReader((built.study.folder / "trials.csv").read_text().splitlines()))
    assert {row["exposure_ms"] for row in rows} == {""}
    sentinels = {(row["batch"], row["contrast"]) for row in rows if row["sentinel"] == "1"}
    assert sentinels == {("b1", "pix2pix:real"), ("b2", "image-space:real")}


def test_a_sentinel_exposure_of_its_own_is_warned_of(images: Path, tmp_path: Path) -> None:
    built = build(
        find_images(images), small(exposures_ms=(125, 250), sentinel_exposure_ms=4000), tmp_path / "s", MAKING
    )
    assert any(
        "shown 4 s, and 100 % of the trials with that exposure are" in warning for warning in built.warnings
    )


@pytest.mark.parametrize(
    ("rule", "slip", "rate"),
    [((5, 0), 0.5, 0.96875), ((10, 1), 0.5, 0.98926), ((5, 0), 0.02, 0.0961), ((10, 1), 0.02, 0.0162)],
)
def test_expected_discard_rates(rule: tuple[int, int], slip: float, rate: float) -> None:
    assert chance_of_exclusion(*rule, slip) == pytest.approx(rate, abs=5e-5)


def test_the_design_report_names_what_matters(built: Built) -> None:
    report = (built.study.folder / "design.html").read_text()
    for text in (
        "$480.00",
        "96.9 %",
        "crn:real",
        "9 + 9 + 2",
        "8000 ms",
        built.warnings[0],
        built.warnings[1].replace("'", "&#39;"),
        "images of a condition</td><td>24</td>",
        "2.3 of 50",
        "about</td><td>55 %</td>",
        "image-space:real sentinel",
    ):
        assert text in report
    assert Decimal("400.00") == Decimal(re.findall(r"rewards</dt><dd>\$([\d.]+)", report)[0])
    assert Decimal("480.00") == Decimal(re.findall(r"total there</td><td>\$([\d.]+)", report)[0])


def test_a_study_of_many_conditions_has_a_map_of_its_contrasts(tmp_path: Path) -> None:
    names = [f"m{number}" for number in range(7)]
    for condition in (*names, "image-space", "real"):
        (tmp_path / "images" / condition).mkdir(parents=True)
        for item in range(30):
            pixels = np.full((8, 8, 3), (item, len(condition), 9), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / condition / f"{item}.png")
    found = infer(preset("limited-time"), (*names, "image-space", "real"), numbers={"pairing": "same-item"})
    experiment = spread(found, 30, 12)
    study = build(find_images(tmp_path / "images"), experiment, tmp_path / "study", MAKING).study
    assert {hit.trials for hit in study.hits} == {30}
    cells = Counter((trial.contrast, trial.exposure_ms) for trial in study.trials if not trial.sentinel)
    assert (len(cells), min(cells.values()), max(cells.values())) == (196, 1, 2)
    assert read_study(tmp_path / "study").experiment == experiment
    page = (tmp_path / "study" / "design.html").read_text()
    assert "28 contrasts of 8 conditions, 10 to 11 trials each." in page
    assert "A HIT has trials of 25 contrasts, which connect all conditions." in page
    assert 'title="m0:m1, 1' in page
    assert "<details><summary>The 200 rows, sentinels among them" in page
