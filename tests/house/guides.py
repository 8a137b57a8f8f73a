"""What a reader of a guide has already: `given_NAME(folder)` lays it out small, for test_docs.py."""

import csv
import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from glimpse.crn.synthesis.video import write_video

CITYSCAPES_IDS = np.array([7, 8, 11, 17, 21, 23, 24, 26])


def _command(folder: Path, *words: str) -> None:
    subprocess.run([sys.executable, "cli.py", *words], cwd=folder, check=True, capture_output=True, text=True)


def _noise(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def given_my_images(folder: Path) -> None:
    """Write my-images/, beside an images/ that holds something else."""
    given_own_images(folder, "my-images")


def given_wording(folder: Path) -> None:
    """Write the file of wording that the guide to languages shows."""
    guide = (Path(__file__).parents[2] / "docs" / "languages.md").read_text(encoding="utf-8")
    shown = guide.partition("```toml\n")[2].partition("```")[0]
    (folder / "wording.toml").write_text(shown, encoding="utf-8")


def given_own_images(folder: Path, name: str = "images") -> None:
    """Write images/{real,mine,theirs,blurred}, 24 scenes each."""
    rng = np.random.default_rng(0)
    for item in range(24):
        photo = _noise(rng, 48, 64)
        for condition, radius in (("real", 0), ("mine", 1), ("theirs", 2), ("blurred", 6)):
            path = folder / name / condition / f"{item:06d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            photo.filter(ImageFilter.GaussianBlur(radius)).save(path)


def given_own_clips(folder: Path) -> None:
    """Write clips/{real,mine,theirs,blurred}, 12 scenes each, as MP4."""
    rng = np.random.default_rng(0)
    for item in range(1, 13):
        photo = _noise(rng, 48, 64)
        for condition, radius in (("real", 0), ("mine", 1), ("theirs", 2), ("blurred", 6)):
            made = photo.filter(ImageFilter.GaussianBlur(radius))
            frames = [
                np.asarray(made.transform((64, 48), Image.Transform.AFFINE, (1, 0, x, 0, 1, 0)))
                for x in range(4)
            ]
            write_video(folder / "clips" / condition / f"{item:04d}.mp4", frames, 8)


def given_many_images(folder: Path) -> None:
    """Write images/ of six models, a real condition and a blurred one, 24 scenes each."""
    rng = np.random.default_rng(0)
    for item in range(24):
        photo = _noise(rng, 24, 32)
        for number, condition in enumerate(("real", *(f"model-{one}" for one in "abcdef"), "blurred")):
            path = folder / "images" / condition / f"{item:06d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            photo.filter(ImageFilter.GaussianBlur(number / 2)).save(path)


def given_newcomer(folder: Path) -> None:
    """Write images/newcomer, a condition of the scenes that are there."""
    for path in sorted((folder / "images" / "real").iterdir()):
        target = folder / "images" / "newcomer" / path.name
        target.parent.mkdir(exist_ok=True)
        Image.open(path).filter(ImageFilter.GaussianBlur(0.7)).save(target)


def given_results_of_both(folder: Path) -> None:
    """Let simulated workers answer study/ and study-2/."""
    _command(folder, "simulate", "study", "--out", "results")
    _command(folder, "simulate", "study-2", "--out", "results-2")


def given_scores(folder: Path) -> None:
    """Write lpips.csv, a metric of all images."""
    rng = np.random.default_rng(0)
    rows = [
        f"{item:06d},{condition},{radius + rng.random():.4f}"
        for item in range(24)
        for condition, radius in (("real", 0), ("mine", 1), ("theirs", 2), ("blurred", 6))
    ]
    (folder / "lpips.csv").write_text("\n".join(["item,condition,value", *rows]) + "\n")


def given_answers(folder: Path) -> None:
    """Let simulated workers do the published study through the running server."""
    endpoint = (folder / "server" / "endpoint").read_text().strip()
    study = next(folder.glob("*/published")).parent.name
    _command(folder, "simulate", study, "--through-server", endpoint, "--data", "server")


def given_simulated_results(folder: Path) -> None:
    """Write results as if simulated workers had come through a panel, whose cookies travel by TLS only."""
    study = next(folder.glob("*/published")).parent.name
    _command(folder, "simulate", study, "--out", study.replace("study", "results"))


def given_prolific_people(folder: Path) -> None:
    """Let four people take part by the rehearsal's pages: three finish, one gives the place back."""
    import httpx

    from glimpse.study import read_study

    server = (folder / "server" / "endpoint").read_text().strip()
    study = read_study(folder / "rehearsal")
    page = {"user_agent": "t", "viewport": [1280, 800], "device_pixel_ratio": 1, "refresh_hz": 60}
    times = {"response_ms": 700, "frames": 15, "onset_ms": 1.0}
    for number in range(4):
        with httpx.Client(follow_redirects=True) as browser:
            name = re.search("take/([0-9a-f]+)", browser.get(f"{server}/fake-prolific/").text)[1]
            joined = browser.get(f"{server}/fake-prolific/take/{name}")
            token = re.search(r'name="csrf" value="([^"]+)"', joined.text)[1]
            work = browser.post(str(joined.url), data={"csrf": token})
            state = browser.get(f"{work.url}/state").json()
            if number == 3:
                done = browser.post(f"{work.url}/return", data={"csrf": state["csrf"]})
            else:
                answers = [
                    {"trial": one.trial, "side": one.correct_side or "left", **times}
                    | {"shown_ms": one.exposure_ms}
                    for one in study.trials_of(state["hit"])
                ]
                sent = {"schema": 1, "study": study.study, "hit": state["hit"],
                        "page": {**page, "focus_losses": 0}, "answers": answers}  # fmt: skip
                fields = {"assignmentId": state["assignment_id"], "answers": json.dumps(sent)}
                browser.post(f"{server}/mturk/externalSubmit", data=fields)
                done = browser.get(f"{work.url}/done")
            back = re.search(r'id="back" href="([^"]+)"', done.text)[1]
            expected = "RETURNED" if number == 3 else "AWAITING REVIEW"
            assert expected in browser.get(back).text


def given_person(folder: Path) -> None:
    """Let a person who came from Prolific stand in the server's database, and stop the server."""
    import httpx

    endpoint = (folder / "server" / "endpoint").read_text().strip()
    given_own_images(folder)
    _command(folder, "build-hits", "--mode", "limited-time", "--sentinel", "blurred", "--hits-per-batch", "1")
    _command(folder, "publish", "--to", "local")
    name = json.loads((folder / "study" / "study.json").read_text())["study"]
    address = f"{endpoint}/join/{name}?PROLIFIC_PID=P-1234&STUDY_ID=S&SESSION_ID=T"
    page = httpx.get(address)
    # Behind a proxy cookies travel by TLS only; here there is no proxy, so they are carried by hand.
    cookies = "; ".join(f"{key}={value}" for key, value in page.cookies.items())
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
    httpx.post(address, data={"csrf": token}, headers={"Cookie": cookies})


def given_cityscapes(folder: Path) -> None:
    """Write four pairs of each split in Cityscapes' own layout, and random VGG-19 weights."""
    import torch

    rng = np.random.default_rng(0)
    for split, town in (("train", "aachen"), ("val", "munster")):
        for frame in range(4):
            stem = f"{town}_{frame:06d}_000019"
            photo = folder / "Cityscapes" / "leftImg8bit" / split / town / f"{stem}_leftImg8bit.png"
            label = folder / "Cityscapes" / "gtFine" / split / town / f"{stem}_gtFine_labelIds.png"
            for path in (photo, label):
                path.parent.mkdir(parents=True, exist_ok=True)
            _noise(rng, 32, 64).save(photo)
            ids = CITYSCAPES_IDS[rng.integers(0, 8, (4, 8))].astype(np.uint8)
            Image.fromarray(ids).resize((64, 32), Image.Resampling.NEAREST).save(label)
    generator, channels, state = torch.Generator().manual_seed(0), 3, {}
    layers = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256, 16: 256}
    layers |= dict.fromkeys((19, 21, 23, 25, 28, 30, 32, 34), 512)
    for index, width in layers.items():
        scale = (2 / (9 * channels)) ** 0.5
        state[f"features.{index}.weight"] = torch.randn(width, channels, 3, 3, generator=generator) * scale
        state[f"features.{index}.bias"] = torch.zeros(width)
        channels = width
    torch.save(state, folder / "vgg19-dcbb9e9d.pth")


def given_authors_checkpoint(folder: Path) -> None:
    """Write a TensorFlow checkpoint with the names of the CRN authors' 256p network, but narrow."""
    import tensorflow as tf

    rng, features, variables = np.random.default_rng(0), 0, {}

    def random(*shape: int) -> "tf.Variable":
        return tf.Variable(rng.normal(0, 0.1, shape).astype(np.float32))

    for height in (4, 8, 16, 32, 64, 128, 256):
        for conv, inputs in ((1, features + 20), (2, 8)):
            name = f"g_{height}_conv{conv}"
            variables[f"{name}/weights"] = random(3, 3, inputs, 8)
            variables[f"{name}/LayerNorm/beta"], variables[f"{name}/LayerNorm/gamma"] = random(8), random(8)
        features = 8
    variables["g_256_conv100/weights"], variables["g_256_conv100/biases"] = random(1, 1, 8, 3), random(3)
    (folder / "result_256p").mkdir()
    tf.compat.v1.train.Saver(variables).save(None, str(folder / "result_256p" / "model.ckpt"))


def given_pix2pix_generator(folder: Path) -> None:
    """Write a narrow generator with the parameter names of the official PyTorch repository."""
    import torch

    from glimpse.crn.network.pix2pix import build_generator, pix2pix_config

    model = build_generator(pix2pix_config("cityscapes", 3, 256, 512, widths=(4,) * 8))
    torch.save(model.state_dict(), folder / "latest_net_G.pth")


URL = "https://images.example.org/{}/{:06d}.png"


def _authors_row(rng: np.random.Generator, trials: int = 12) -> dict[str, str]:
    """Return one HIT of the authors' limited-time file: every tenth pair a sentinel."""
    row: dict[str, str] = {}
    for i in range(1, trials + 1):
        first, second = ("real", "blurred") if i % 6 == 0 else ("mine", "real")
        left, right = (first, second) if rng.random() < 0.5 else (second, first)
        item = int(rng.integers(0, 24))
        row[f"image_A_url_{i}"], row[f"image_B_url_{i}"] = URL.format(left, item), URL.format(right, item)
        row[f"time_{i}"] = str(4000 if i % 6 == 0 else int(rng.choice([125, 500, 2000])))
    return row


def given_authors_hits(folder: Path) -> None:
    """Write hits.csv as the authors publish theirs, and the images that it names."""
    given_own_images(folder)
    rng = np.random.default_rng(1)
    rows = [_authors_row(rng) for _ in range(2)]
    with (folder / "hits.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def given_votes(folder: Path) -> None:
    """Write votes.csv, as an arena might give it away."""
    rng = np.random.default_rng(0)
    rows = [
        f"w{worker},s{item},{one},{other},{one if rng.random() < 0.7 else other}"
        for worker in range(6)
        for item in range(5)
        for one, other in (("sdxl", "flux"), ("flux", "ours"), ("sdxl", "ours"))
    ]
    (folder / "votes.csv").write_text("\n".join(["user,prompt,model_a,model_b,winner", *rows]) + "\n")


def given_single_answers(folder: Path) -> None:
    """Write answers.csv: people who call images of two systems real or fake."""
    rng = np.random.default_rng(1)
    rows = [
        f"w{worker},{image}.png,{system},{'fake' if rng.random() < share else 'real'}"
        for worker in range(8)
        for image in range(6)
        for system, share in (("real", 0.2), ("flux", 0.5), ("sdxl", 0.8))
    ]
    (folder / "answers.csv").write_text("\n".join(["participant,image,system,answer", *rows]) + "\n")


def given_authors_results(folder: Path) -> None:
    """Write batch_results.csv as MTurk's website gave it for such HITs: two HITs, four workers each."""
    rng, rows = np.random.default_rng(2), []
    for hit in range(2):
        shown = _authors_row(rng)
        shown = {key: value.replace("blurred", "image-space") for key, value in shown.items()}
        for worker in range(4):
            row = {
                "HITId": f"HIT{hit}", "HITTypeId": "TYPE", "Title": "Which?", "Reward": "$2.00",
                "AssignmentId": f"ASSIGNMENT{hit}{worker}", "WorkerId": f"A{hit}{worker}WORKER",
                "AssignmentStatus": "Approved", "AcceptTime": "Mon Mar 06 10:00:00 PST 2017",
                "SubmitTime": "Mon Mar 06 10:14:00 PST 2017", "WorkTimeInSeconds": "840",
            }  # fmt: skip
            row |= {f"Input.{key}": value for key, value in shown.items()}
            for i in range(1, 13):
                real_left = "/real/" in shown[f"image_A_url_{i}"]
                right_answer = i % 6 == 0 or rng.random() < 0.8
                row[f"Answer.choice_{i}"] = "optionA" if real_left == right_answer else "optionB"
            rows.append(row)
    with (folder / "batch_results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _shown_study(guide: str, folder: Path) -> None:
    """Write the study file that a guide shows."""
    text = (Path(__file__).parents[2] / "docs" / guide).read_text(encoding="utf-8")
    (folder / "study.toml").write_text(text.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")


def _example(name: str, folder: Path) -> None:
    """Draw the images of an example, and lay its tables beside them."""
    root = Path(__file__).parents[2] / "examples"
    for path in (root / name).glob("*.csv"):
        shutil.copy(path, folder)
    drawn = runpy.run_path(str(root / "draw_images.py"))
    drawn[name.replace("-", "_")](folder)


def given_text_to_image(folder: Path) -> None:
    """Write the study file of the guide to text-to-image systems, with prompts and pictures."""
    _example("text-to-image", folder)
    _shown_study("text-to-image.md", folder)


def given_editing(folder: Path) -> None:
    """Write the study file of the guide to editing, with instructions, originals and edits."""
    _example("editing", folder)
    _shown_study("editing.md", folder)


def given_bundle(folder: Path) -> None:
    """Pack a study of one HIT, and leave the bundle alone."""
    given_own_images(folder)
    few = ("--trials-per-cell", "6", "--hits-per-batch", "1", "--workers-per-hit", "5")
    _command(
        folder, "build-hits", "--mode", "unlimited-time", "--ours", "mine", "--baseline", "theirs",
        "--sentinel", "blurred", "--sentinels-per-hit", "2", *few,
    )  # fmt: skip
    _command(folder, "simulate")
    _command(folder, "analyze", "--figures", "svg")
    _command(folder, "bundle", "study", "results", "report")
    for name in ("images", "study", "results", "report"):
        shutil.rmtree(folder / name)


def given_mixed_models(folder: Path) -> None:
    """Lay out the scripts that fit a mixed model, where a checkout has them."""
    (folder / "examples").mkdir()
    for path in (Path(__file__).parents[2] / "examples").glob("mixed_model.*"):
        shutil.copy(path, folder / "examples")
