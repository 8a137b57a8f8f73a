"""Options of `train` that would change nothing, or that the network has no use for, are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from glimpse.crn.losses.features import SMALL_FILE
from glimpse.crn.network.checkpoints import WEIGHTS_FOLDER
from glimpse.main import main

S = ("--scenes", "2", "--stage", "16x32:1", "--widths", "8,8,8")
NONE = "0,0,0,0,0,0"
GAN = ("--arch", "pix2pix", "--scenes", "2")
IMAGE = ("--loss", "image", *S)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def train(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["train", *arguments])
    return result.exit_code, " ".join(result.output.split())


def refused(arguments: tuple[str, ...], message: str) -> None:
    code, said = train(*arguments)
    assert code in (1, 2), said
    assert said.count("Error: ") == 1, said
    assert message in said
    assert not Path("training").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(((*GAN, *more), f"{more[0]} works only with --arch crn") for more in (
            ("--loss", "image"), ("--samples", "3"), ("--features", "random"), ("--features-file", "x"),
            ("--emphasis", "1,1,1,1,1,1"), ("--balance", "alike"), ("--recompute",),
            ("--download-features",),
        )),
        ((*GAN, "--stage", "32x64:1:32"), "--stage HxW:EPOCHS:HEIGHTS works only with --arch crn"),
        ((*GAN, "--stage", "33x64:1"), "--stage is 33x64; pix2pix halves its images twice or more"),
        ((*GAN, "--stage", "33x64:1"), "height and width must be multiples of 4, such as 32x64."),
        ((*GAN, "--stage", "32x64:1", "--widths", "8"), "--widths is 8; pix2pix needs two numbers or more."),
        *(((*IMAGE, *more), f"{more[0]} works only with --loss features or --loss diverse") for more in (
            ("--features", "random"), ("--features-file", "x"), ("--balance", "alike"),
            ("--emphasis", "1,1,1,1,1,1"), ("--download-features",),
        )),
        ((*S, "--features", "random", "--features-file", "x"), "--features-file names the weights of other"),
        ((*S, "--download-features"), "--download-features works only with --features vgg19"),
        ((*S, "--features", "vgg19", "--features-file", str(SMALL_FILE)),
         "holds the feature network 'small', not VGG-19"),
        ((*S, "--features-file", str(WEIGHTS_FOLDER / "scenes-crn.safetensors")),
         "scenes-crn.safetensors: holds no feature network. --features-file takes"),
        ((*S[:2], "--stage", "16x32:1:64"), "has no module of height 64; it has 4, 8, 16."),
        ((*S[:2], "--stage", "16x32:1:0"), "has no module of height 0; it has 4, 8, 16."),
        ((*S[:2], "--stage", "16x32:1:4,8,16,32"), "has no module of height 32; it has 4, 8, 16."),
        ((*S, "--stage", "32x64:1", "--loss-window", "32x64"), "is 32x64, larger than stage 16x32."),
        (("--scenes", "2", "--loss-window", "100x64"), "--loss-window is 100x64, larger than stage 64x128."),
        ((*S, "--emphasis", NONE), f"--emphasis is {NONE}: no term of the loss would count"),
        ((*S, "--emphasis", "1,1,1,1,1,1", "--balance", "authors"), "works only with --balance alike"),
        ((*S, "--out", ""), "'--out': it is empty; name a folder"),
        (("--resume", "--stage", "16x32:1", "--samples", "2", "--loss-window", "16x16", "--data", "x"),
         "leave out --data, --loss-window, --samples, --stage, or start"),
        (("--arch", "features", "--samples", "2", "--no-mirror"), "leave out --mirror, --samples."),
    ],
)  # fmt: skip
def test_what_says_nothing_is_refused(arguments, message) -> None:
    refused(arguments, message)


@pytest.mark.parametrize("arch", ["crn", "features"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *((more, f"{more[0]} works only with photographs") for more in (
            ("--label-set", "nyu"), ("--hold-out", "a"), ("--split", "val"), ("--fit", "stretch"),
            ("--unknown", "void"), ("--root", "x"),
        )),
        (("--data", "scenes:/nowhere"), "--data scenes:/nowhere: scenes are drawn, and have no folder."),
        (("--data", "camvid:x", "--scenes", "5"), "--scenes works only with --data scenes"),
        (("--data", "camvid:x", "--root", "y"), "--data camvid:x and --root y name two places"),
    ],
)  # fmt: skip
def test_data_that_an_option_says_nothing_of(arch, arguments, message) -> None:
    refused(("--arch", arch, *arguments), message)


def test_what_holds_anyway_may_be_typed() -> None:
    code, said = train(
        *S, "--features", "random", "--label-set", "cityscapes", "--split", "train", "--fit", "crop"
    )
    assert code == 0, said
    code, said = train(
        *S, "--loss", "image", "--loss-window", "16x32", "--out", "the runs", "--minutes", "1e-9"
    )
    assert code == 0, said
    assert "train --resume --name scenes-image-space --out 'the runs'" in said


def camvid(root: Path) -> None:
    for name in ("train", "trainannot"):
        (root / name).mkdir(parents=True)
        for index in range(2):
            shape = (16, 32, 3) if name == "train" else (16, 32)
            Image.fromarray(np.full(shape, 5 + index, np.uint8)).save(root / name / f"a{index}.png")


def test_photographs_that_are_all_held_out_or_gone(monkeypatch) -> None:
    camvid(Path("cv"))
    typed = ("--data", "camvid:cv", *S[2:], "--features", "random")
    code, said = train(*typed, "--hold-out", "a")
    assert code == 1
    assert "--hold-out a: every item of camvid:cv has a name that starts with this" in said
    assert train(*typed, "--minutes", "1e-9")[0] == 0
    Path("cv").rename("moved")
    code, said = train("--resume", "--name", "camvid-crn")
    assert code == 1
    assert "no such folder. --resume needs what the run began with, --data camvid:cv: put it back, or" in said
