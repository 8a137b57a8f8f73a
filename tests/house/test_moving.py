"""A study of clips from folders to a report, as it is typed; nothing that it says calls a clip an image."""

import html
import json
import re

import pytest
from click.testing import CliRunner

from glimpse.main import main
from glimpse.study import read_study
from tests.glimpse.footage import record

SMALL = (
    *("--trials-per-cell", "2", "--hits-per-batch", "2", "--sentinels-per-hit", "2"),
    *("--workers-per-hit", "4", "--max-wrong-sentinels", "0", "--contact", "me@lab.org"),
    *("--exposure-ms", "250", "--exposure-ms", "500", "--exposure-ms", "2000"),
)
CONDITIONS = {"real": "testsrc2", "mine": "testsrc", "theirs": "smptehdbars", "image-space": "smptebars"}
# What may be called so: the option that says how answers cluster, the software, the paper, a name, and what
# the page tells people before they begin.
SAID = (
    r"cluster images,",
    r"generative images\. Software",
    r"Photographic image synthesis",
    r"image-space",
    r"reference image",
    r"The pictures move\.",
)


def run(*words):
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def called_images(text):
    """Return where a text speaks of images, with what is before and after; tags and data are passed over."""
    text = re.sub(r"<style.*?</style>|<script.*?</script>|data:[^\"')]*", "", text, flags=re.DOTALL)
    alts = " ".join(re.findall(r'(?:alt|aria-label|title)="([^"]*)"', text))
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text) + alts).split())
    for allowed in SAID:
        text = re.sub(allowed, "", text)
    found = re.finditer(r"\b(?:images?|pictures?|photo\w*)\b", text, re.IGNORECASE)
    return [text[max(0, one.start() - 60) : one.end() + 30] for one in found]


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """A study of clips with simulated answers; return its folder, and what the commands said."""
    folder = tmp_path_factory.mktemp("moving")
    for condition, source in CONDITIONS.items():
        for scene in "abc":
            record(folder / "clips" / condition / f"{scene}.mp4", source=source)
    (folder / "prompts.csv").write_text("item,text\na,A fox\nb,A cat\nc,A car\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        said = run("build-hits", "--images", "clips", "--context-text", "prompts.csv", *SMALL)
        said += run("preview", "--no-browser")
        said += run("simulate", "--out", "results")
    return folder, said


def test_a_study_of_clips_from_folders_to_a_report(moving, monkeypatch):
    folder, _ = moving
    monkeypatch.chdir(folder)
    assert read_study("study").moving
    results = json.loads((folder / "results" / "study.json").read_text())
    assert {one["frames"] for one in results["stimuli"].values()} == {8}
    output = run("analyze", "results", "--out", "report")
    assert "not what was shown" not in output
    assert "Traceback" not in output
    assert (folder / "report" / "report.html").is_file()
    assert (folder / "report" / "hardest_pairs.png").is_file()


def test_nothing_that_is_built_calls_a_clip_an_image(moving):
    folder, said = moving
    assert called_images(said.replace("--images", "")) == []
    for page in (folder / "study" / "design.html", *(folder / "study" / "pages").iterdir()):
        assert called_images(page.read_text(encoding="utf-8")) == [], page.name


@pytest.mark.parametrize("cluster", ["images", "two-way"])
def test_no_sentence_of_a_report_calls_a_clip_an_image(moving, monkeypatch, tmp_path, cluster):
    folder, _ = moving
    monkeypatch.chdir(folder)
    items = [(item, name) for item in "abc" for name in CONDITIONS if name != "image-space"]
    rows = [f"{item},{name},{place % 5 / 4}" for place, (item, name) in enumerate(items)]
    (tmp_path / "lpips.csv").write_text("\n".join(["item,condition,value", *rows[:-1]]))
    words = ["--metric", str(tmp_path / "lpips.csv"), "--cluster", cluster, "--equivalence", "5"]
    output = run("analyze", "results", "--out", str(tmp_path / "report"), "--figures", "svg", *words)
    assert called_images(output) == []
    texts = [
        path for path in (tmp_path / "report").iterdir() if path.suffix in {".html", ".txt", ".tex", ".csv"}
    ]
    assert len(texts) > 10
    for path in texts:
        assert called_images(path.read_text(encoding="utf-8")) == [], path.name
