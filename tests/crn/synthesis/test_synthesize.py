"""`synthesize` as it is typed: what it writes, where it goes on, and what it refuses, word for word."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from glimpse.clips import frames_of, probe
from glimpse.crn.data.labels import one_hot
from glimpse.crn.network.checkpoints import load_weights, save_weights
from glimpse.crn.network.config import NetworkConfig
from glimpse.crn.network.model import CRN
from glimpse.crn.synthesis import synthesis
from glimpse.crn.synthesis.inference import to_bytes
from glimpse.files import file_digest
from glimpse.main import main

ROOT = Path(__file__).parents[3]


def network(folder, name, label_set="cityscapes", classes=20, outputs=1, **settings):
    shape = {"height": 32, "width": 64, "features": (6, 5, 4, 4), **settings}
    config = NetworkConfig(label_set=label_set, classes=classes, outputs=outputs, **shape)
    model = CRN(config, torch.Generator().manual_seed(outputs))
    names = None if label_set in {"cityscapes", "camvid"} else ("a", "b", "void")
    return save_weights(folder / f"{name}.safetensors", model, config, class_names=names)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthesize")
    for name, arguments in {
        "net": {},
        "diverse": {"outputs": 9},
        "camvid": {"label_set": "camvid", "classes": 12, "base_height": 3, "height": 24, "width": 32},
        "own": {"label_set": "mine", "classes": 3},
    }.items():
        network(folder, name, **arguments)
    rng = np.random.default_rng(0)
    (folder / "labels").mkdir()
    (folder / "camvid_labels").mkdir()
    for number in range(3):
        blocks = rng.integers(0, 19, (4, 8)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
        blocks[0, 0] = 255
        Image.fromarray(blocks).save(folder / "labels" / f"{number}.png")
        blocks = rng.integers(0, 12, (6, 8)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
        Image.fromarray(blocks).save(folder / "camvid_labels" / f"{number}.png")
    return folder


@pytest.fixture
def run(shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words, weights="net", labels="labels", status=0):
        arguments = ["synthesize"]
        if labels:
            arguments.append(str(shared / labels))
        if weights:
            arguments += ["--weights", str(shared / f"{weights}.safetensors")]
        result = CliRunner().invoke(main, [*arguments, *map(str, words)])
        assert result.exit_code == status, result.output
        assert "Traceback" not in result.output
        return result.output

    return call


def images(folder):
    return {path.stem: np.asarray(Image.open(path)) for path in sorted(Path(folder).glob("*.png"))}


def test_a_folder_becomes_a_condition_with_its_record(run, shared):
    output = run()
    assert re.search(r"^images/net/: 3 images made by net in [\d.]+ s$", output, re.MULTILINE)
    assert "Next: python cli.py gallery images" in output
    weights = load_weights(shared / "net.safetensors")
    made = images("images/net")
    assert list(made) == ["0", "1", "2"]
    classes = np.asarray(Image.open(shared / "labels" / "0.png")).copy()
    classes[classes == 255] = 19
    with torch.inference_mode():
        expected = to_bytes(weights.model(one_hot(classes, 20)))[0, 0].permute(1, 2, 0).numpy()
    assert np.abs(made["0"].astype(int) - expected).max() <= 1
    record = json.loads(Path("images/net.json").read_text())
    assert record["settings"]["encoding"] == "train-ids"
    assert record["weights"]["sha256"] == file_digest(shared / "net.safetensors")
    assert record["items"]["1"]["images"] == {"net/1.png": file_digest("images/net/1.png")}
    assert record["items"]["1"]["labels_sha256"] == file_digest(shared / "labels" / "1.png")
    assert set(record["versions"]) == {"glimpse", "python", "torch", "numpy", "pillow", "safetensors"}


def test_one_file(run):
    run("--condition", "one", labels="labels/2.png")
    assert list(images("images/one")) == ["2"]


def test_the_same_command_gives_the_same_bytes(run):
    run("--out", "a")
    run("--out", "b", "--batch", 2)
    for name in ("net/0.png", "net/2.png", "net.json"):
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()


def test_a_second_run_goes_on_where_the_first_stopped(run):
    run()
    before = {path: path.stat().st_mtime_ns for path in Path("images/net").iterdir()}
    Path("images/net/1.png").unlink()
    Path("images/net/2.png").write_bytes(b"half")
    output = run()
    assert re.search(r"images/net/: 2 images made by net in [\d.]+ s, 1 were there already", output)
    kept = Path("images/net/0.png")
    assert kept.stat().st_mtime_ns == before[kept]
    assert ": 0 images made" in run()


def test_a_run_that_breaks_off_leaves_whole_images_only(run, monkeypatch):
    whole = synthesis.write_whole

    def full(path, data):
        if path.name == "1.png":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        whole(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(synthesis, "write_whole", full)
        assert run(status=1).endswith("Error: images/net/1.png: No space left on device.\n")
    assert list(images("images/net")) == ["0"]
    assert "2 images made by net" in run()


def test_other_settings_replace_their_own_images_and_nobody_elses(run, shared):
    run()
    first = images("images/net")["0"]
    output = run("--size", "64x128")
    assert "Label maps are resized to 64x128 by nearest neighbour." in output
    assert images("images/net")["0"].shape == (64, 128, 3)
    assert first.shape == (32, 64, 3)
    message = (
        "Error: images/net: holds 2 images made with other settings, such as 1.png, that this run would not "
        "replace. Choose another --condition or --out, or remove the folder.\n"
    )
    assert run(labels="labels/0.png", status=1).endswith(message)
    Image.new("RGB", (4, 4)).save("images/net/mine.png")
    message = (
        "Error: images/net: holds mine.png, which no record of `synthesize` explains. "
        "Choose another --condition or --out, or move it away.\n"
    )
    assert run(status=1).endswith(message)


def test_samples_are_conditions_and_grids_stay_out_of_them(run):
    output = run("--samples", 4, "--grid", weights="diverse")
    assert "grids/diverse/: their grids" in output
    assert sorted(path.name for path in Path("images").iterdir() if path.is_dir()) == [
        f"diverse-{u}" for u in (1, 2, 3, 4)
    ]
    grid = images("grids/diverse")["0"]
    assert grid.shape == (64, 128, 3)
    assert np.array_equal(grid[:32, 64:], images("images/diverse-2")["0"])
    run("--grid", "--out", "nine", weights="diverse")
    assert images("grids/diverse")["0"].shape == (96, 192, 3)


def test_samples_of_a_network_that_makes_one(run):
    message = "Error: weights 'net' make 1 image of a label map; {} needs those of a diverse network.\n"
    assert run("--samples", 2, status=1).endswith(message.format("--samples 2"))
    assert run("--grid", status=1).endswith(message.format("--grid"))
    assert not Path("images").exists()


def test_a_video_of_the_images(run):
    output = run("--video", "out.mp4", "--fps", 8)
    assert "out.mp4: 3 frames, 0.4 s" in output
    assert described("out.mp4") == "64x32, 8 fps"
    run("--video", "grid.mp4", "--grid", weights="diverse")
    assert described("grid.mp4") == "192x96, 16 fps"


def described(video):
    """Size and rate, as ffmpeg tells them."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", video]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    return f"{re.search(r'[0-9]{2,}x[0-9]+', told)[0]}, {re.search(r'[0-9]+ fps', told)[0]}"


def test_a_mapping_takes_camvids_maps_to_a_cityscapes_network(run):
    run("--map", "camvid-cityscapes", "--size", "32x64", labels="camvid_labels")
    record = json.loads(Path("images/net.json").read_text())
    assert record["settings"]["mapping"] == "camvid-cityscapes"
    assert record["settings"]["label_set"] == "camvid"


WRONG = {
    "another label set": (
        ["--label-set", "camvid"],
        {"labels": "camvid_labels"},
        "is of label set 'camvid', but weights 'net' take 'cityscapes'. Add --map camvid-cityscapes, or",
    ),
    "a mapping elsewhere": (
        ["--map", "cityscapes-camvid"],
        {},
        "mapping 'cityscapes-camvid' leads to label set 'camvid', but weights 'net' take 'cityscapes'.",
    ),
    "another aspect": (
        ["--map", "camvid-cityscapes"],
        {"labels": "camvid_labels"},
        (
            "0.png: is 48x64 (height x width), which is not the aspect of weights 'net'. Label maps of "
            "32x64, 64x128, 128x256 or any other size of that aspect work; --size 32x64 resizes (and "
            "stretches) this one by nearest neighbour.\n"
        ),
    ),
    "a size between": (
        ["--size", "36x72"],
        {},
        "--size 36x72: weights 'net' can make heights and widths that are multiples of 8; they were",
    ),
    "one's own label set": (
        [],
        {"weights": "own"},
        "weights 'own' take your own label set 'mine'; name it by --label-set.",
    ),
    "unknown ids": (
        [],
        {"weights": "camvid"},
        "which label set 'camvid' (ids) does not know (and ",
    ),
    "no such folder": ([], {"labels": "nowhere"}, "nowhere: no such file or folder of label maps."),
    "no such weights": (
        [],
        {"weights": "nothing"},
        "nothing.safetensors: no such weights file; bundled",
    ),
    "a video of another kind": (
        ["--video", "a.gif"],
        {},
        "a.gif: a video's name must end in .mp4, .mkv, .mov.",
    ),
    "no device": (
        ["--device", "cudax"],
        {},
        "device 'cudax' is not available to torch here; use cpu, or cuda",
    ),
    "no encoding": (
        ["--encoding", "ids"],
        {},
        "label set 'cityscapes' has no encoding 'ids'; it has colours, train-ids, label-ids.",
    ),
    "several sets fit": (
        [],
        {"weights": None, "labels": "camvid_labels"},
        "its label maps fit cityscapes and camvid and nyu; say which label set they are in with --label-set.",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_before_anything_is_written(run, case):
    words, where, message = WRONG[case]
    output = run(*words, **where, status=1)
    assert message in output
    assert output.count("Error: ") == 1
    assert not list(Path().iterdir())


@pytest.mark.parametrize("what", [[], ["--video", "drive.mp4"]])
@pytest.mark.parametrize("wrong", [["--size", "36x72"], ["--samples", 4], ["--device", "cudax"]])
def test_nothing_is_drawn_or_laid_out_for_a_network_that_cannot_make_it(run, what, wrong):
    output = run(*what, *wrong, labels=None, status=1)
    assert output.count("Error: ") == 1
    assert not list(Path().iterdir())


def test_sizes_are_height_by_width(run):
    assert "'32' is not height x width in pixels, such as 256x512." in run("--size", "32", status=2)


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "-x", "a:b"])
def test_a_condition_is_a_folder_in_out(run, name):
    assert f"{name!r} cannot name a folder: leave out /" in run(f"--condition={name}", status=2)
    assert not list(Path().iterdir())


def test_two_label_maps_of_one_item(run, shared, tmp_path):
    (tmp_path / "twice").mkdir()
    for suffix in ("png", "bmp"):
        Image.open(shared / "labels" / "0.png").save(tmp_path / "twice" / f"a.{suffix}")
    output = run(labels=tmp_path / "twice", status=1)
    assert "a.png: two label maps of one item 'a'; rename one." in output


@pytest.mark.skipif(os.geteuid() == 0, reason="as root, who may write anywhere")
def test_a_folder_that_cannot_be_written(run, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "Permission denied" in run("--out", tmp_path / "closed", status=1)


def test_an_output_folder_that_is_a_file(run):
    Path("images").write_text("")
    assert "Error: images" in run(status=1)


def test_a_record_that_is_something_else(run):
    Path("images").mkdir()
    Path("images/net.json").write_text("[]")
    assert "Error: images/net.json: is not a record of `synthesize`; move it away" in run(status=1)


def test_unknown_ids_may_become_void(run, tmp_path):
    pixels = np.full((24, 32), 200, np.uint8)
    (tmp_path / "strange").mkdir()
    Image.fromarray(pixels).save(tmp_path / "strange" / "a.png")
    run("--unknown", "void", weights="camvid", labels=tmp_path / "strange")
    assert list(images("images/camvid")) == ["a"]


def test_bfloat16_is_close(run):
    run("--out", "full")
    run("--out", "half", "--dtype", "bfloat16")
    difference = images("full/net")["0"].astype(int) - images("half/net")["0"]
    assert 0 < np.abs(difference).mean() < 2


@pytest.mark.slow
def test_two_processes_make_what_one_makes(run, shared, tmp_path):
    run("--out", "alone")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "-m", "glimpse", "synthesize"]
    command += [str(shared / "labels"), "--weights", str(shared / "net.safetensors"), "--out", "together"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("together/net/: 3 images made by net") == 1
    for path in [*sorted(Path("alone/net").iterdir()), Path("alone/net.json")]:
        assert path.read_bytes() == Path("together", *path.parts[1:]).read_bytes()


def test_a_lonely_part_of_several_processes(run, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "5")
    assert "RANK is 5; with WORLD_SIZE 2 it must be 0 to 1." in run(status=1)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    assert "WORLD_SIZE is set, MASTER_ADDR is not; start processes with `torchrun`." in run(status=1)
    monkeypatch.setenv("WORLD_SIZE", "two")
    assert "WORLD_SIZE is 'two'; torchrun sets it to a whole number." in run(status=1)


@pytest.mark.skipif(not (ROOT / "crn" / "samples" / "labels").exists(), reason="without the bundled samples")
def test_the_sample_scenes_are_laid_out_without_labels(run):
    output = run(labels=None, weights=None)
    assert "images/real/: 24 photographs" in output
    assert len(images("images/real")) == 24
    assert "Next: python cli.py build-hits --mode limited-time" in output
    assert "images/real/: 0 photographs, 24 were there already" in run(labels=None, weights=None)


def test_a_drive_is_drawn_and_filmed(run):
    output = run("--video", "drive.mp4", "--frames", 3, labels=None)
    assert "drive/labels/, drive/real/: 3 frames drawn" in output
    assert "drive.mp4: 3 frames" in output
    assert len(images("drive/crn")) == len(images("drive/real")) == 3


def test_two_networks_over_one_drive_make_folders_of_clips(run):
    """Cut alike, and the drawn photographs with them; what is left of a drive is in no clip."""
    for weights, name in (("net", "crn"), ("diverse", "theirs")):
        words = ["--video", f"{name}.mp4", "--frames", 9, "--clip-seconds", 0.25, "--condition", name]
        output = run(*words, "--size", "32x64", labels=None, weights=weights)
        assert f"clips/{name}/: 2 clips of 4 frames" in output
        assert "clips/real/: 2 clips of 4 frames" in output
        assert "Next: python cli.py build-hits --images clips --sentinels-per-hit 0" in output
    found = {path: probe(path) for path in Path("clips").glob("*/*.mp4")}
    assert sorted(str(path) for path in found) == [
        f"clips/{condition}/000{number}.mp4" for condition in ("crn", "real", "theirs") for number in (1, 2)
    ]
    assert {(clip.frames, clip.frame_rate, clip.width, clip.height) for clip in found.values()} == {
        (4, 16, 64, 32)
    }
    (frame,) = frames_of("clips/real/0002.mp4", 1)
    assert np.abs(frame.astype(int) - images("drive/real")["000005"]).mean() < 4


def test_photographs_are_cut_as_the_images_are(run, shared):
    """They are named as the label maps, and may be larger."""
    Path("photographs").mkdir()
    for item in "012":
        Image.new("RGB", (128, 64), (200, 60, 30)).save(f"photographs/{item}.jpg")
    output = run("--clip-seconds", 0.13, "--photographs", "photographs")
    assert "clips/net/: 1 clip of 2 frames" in output
    clip = probe("clips/real/0001.mp4")
    assert (clip.width, clip.height, clip.frames) == (64, 32, 2)
    Path("photographs/1.jpg").unlink()
    said = run("--clip-seconds", 0.13, "--photographs", "photographs", status=1)
    assert "photographs lacks the photographs of 1 of 3 label maps, the first 1." in " ".join(said.split())


@pytest.mark.parametrize(
    ("words", "labels", "said"),
    [
        (
            ["--clip-seconds", 1, "--video", "a.mp4", "--frames", 8],
            None,
            "a clip has 16 frames at 16 a second",
        ),
        (["--clip-seconds", 1], None, "--clip-seconds needs LABELS of a drive, or --video for a drawn one"),
        (["--photographs", "nowhere", "--clip-seconds", 1], "labels", "nowhere is no folder of photographs"),
        (["--photographs", "nowhere"], "labels", "--photographs are cut into clips: give --clip-seconds"),
        (["--clip-seconds", 1], "labels", "and the drive has 3. Ask for shorter clips"),
    ],
)
def test_what_cannot_be_cut(run, words, labels, said):
    result = run(*words, labels=labels, status=2 if "give --clip" in said or "needs LABELS" in said else 1)
    assert said in " ".join(result.split())
    assert not Path("clips").exists()
    assert not Path("out").exists()
