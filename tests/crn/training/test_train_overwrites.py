"""What `train` leaves alone: runs that are there already, folders of what is refused, odd checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from glimpse.crn.training.request import resumed_request
from glimpse.errors import GlimpseError
from glimpse.main import main

FOLDER = Path("training/d")


def train(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["train", "--scenes", "2", "--name", "d", *arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("method", ["crn", "pix2pix", "features"])
@pytest.mark.parametrize("there", ["d.safetensors", "d.json", "log.csv", "latest.pt"])
def test_what_is_there_is_not_overwritten(tmp_path, monkeypatch, method, there) -> None:
    monkeypatch.chdir(tmp_path)
    FOLDER.mkdir(parents=True)
    (FOLDER / there).write_text("mine")
    code, said = train("--arch", method)
    assert code == 1
    assert f"training/d/{there}: exists already." in said
    assert "choose another --name or --out" in said.lower()
    assert [path.name for path in Path("training").rglob("*")] == ["d", there]
    assert (FOLDER / there).read_text() == "mine"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--stage", "8x16:1", "--widths", "8,8"), "the feature network halves four times"),
        (("--arch", "pix2pix", "--stage", "64x128:1", "--stage", "128x256:1"), "Give one stage."),
    ],
)
def test_what_is_refused_leaves_no_folder(tmp_path, monkeypatch, more, message) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = train(*more)
    assert code == 1
    assert message in said
    assert not Path("training").exists()


def state() -> dict:
    request = {"stages": [], "widths": [], "source": {"data": "scenes"}}
    settings = {"stages": [{"height": 16, "width": 32, "epochs": 1}], "emphasis": [1.0] * 6}
    return {
        "format": 1, "settings": settings, "about": {"label_set": "cityscapes", "request": request},
        "place": {"stage": 0, "step": 0, "total": 0}, "window": [], "seconds": 0.0,
        "learner": {"config": {"features": [8] * 7}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("about", None, "lacks 'about'"),
        ("settings", None, "lacks 'settings'"),
        ("settings", 3, "'settings' is 3"),
        ("settings/stages", None, "lacks 'stages'"),
        ("learner/config", None, "lacks 'config'"),
        ("place/step", None, "'step'"),
        ("about/request", None, "lacks 'request'"),
        ("about/request/stages", None, "lacks 'stages'"),
        ("about/request/source", 3, "must be a mapping"),
        ("about/request/source/data", 3, "'data' is 3"),
        ("about/request/minutes", "5", "'minutes' is '5'"),
        ("about/request/momentum", 1, "unknown training option 'momentum'"),
    ],
)
def test_a_checkpoint_that_lacks_something_is_named(tmp_path, path, value, message) -> None:
    (tmp_path / "d").mkdir()
    whole = state()
    torch.save(whole, tmp_path / "d" / "latest.pt")
    assert resumed_request("d", str(tmp_path)).name == "d"
    *above, last = path.split("/")
    part = whole
    for name in above:
        part = part[name]
    part.pop(last, None) if value is None else part.update({last: value})
    torch.save(whole, tmp_path / "d" / "latest.pt")
    with pytest.raises(
        GlimpseError, match=r"latest\.pt: not a training checkpoint that this version"
    ) as error:
        resumed_request("d", str(tmp_path))
    assert message in str(error.value)
    assert "Train anew under another --name" in str(error.value)
