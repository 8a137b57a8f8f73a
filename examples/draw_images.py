"""Draw the images of two examples, so that they run as they are: `python draw_images.py text-to-image`.

They stand in for the pictures of real systems, each with a fault of its own: wrong colours, blurred edges,
noise. Put your own pictures in their place, one folder a system, files of one name made from one prompt.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = 256
GROUNDS = {"grass": "#4d8b3d", "sand": "#d9c08c", "snow": "#eef2f5", "night": "#1b2340"}
COLOURS = {"red": "#c8342b", "yellow": "#e8c33c", "blue": "#2f5fb3", "white": "#f4f1ea"}


def scene(colour: str, shape: str, ground: str) -> Image.Image:
    """Draw one thing on a ground."""
    image = Image.new("RGB", (SIZE, SIZE), GROUNDS[ground])
    draw = ImageDraw.Draw(image)
    box = (SIZE // 4, SIZE // 4, 3 * SIZE // 4, 3 * SIZE // 4)
    {"ball": draw.ellipse, "box": draw.rectangle}[shape](box, fill=COLOURS[colour], outline="black", width=3)
    return image


def faulty(image: Image.Image, system: str, rng: np.random.Generator) -> Image.Image:
    """Return a picture as a system would make it: theirs is blurred, the baseline noisy."""
    if system == "theirs":
        return image.filter(ImageFilter.GaussianBlur(rng.uniform(1, 3)))
    if system == "baseline":
        noise = rng.normal(0, 40, (SIZE, SIZE, 3))
        return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
    return image


def text_to_image(folder: Path) -> None:
    """Draw what prompts.csv describes; the baseline takes another colour in every third picture."""
    with (folder / "prompts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        colour, shape, ground = (word.strip(".,") for word in (row["text"].split()[i] for i in (1, 2, -1)))
        for system in ("mine", "theirs", "baseline"):
            wrong = system == "baseline" and number % 3 == 0
            drawn = scene("blue" if wrong and colour != "blue" else colour, shape, ground)
            _save(
                faulty(drawn, system, np.random.default_rng(number)), folder / "images" / system / row["item"]
            )


def editing(folder: Path) -> None:
    """Draw originals, and what two systems made of them when asked for night."""
    for number in range(12):
        colour, shape = list(COLOURS)[number % 4], ("ball", "box")[number % 2]
        item = f"{number + 1:02d}"
        _save(scene(colour, shape, ("grass", "sand", "snow")[number % 3]), folder / "originals" / item)
        for system in ("mine", "theirs"):
            edited = faulty(scene(colour, shape, "night"), system, np.random.default_rng(number))
            _save(edited, folder / "images" / system / item)


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(f"{path}.png")


if __name__ == "__main__":
    example = Path(sys.argv[1])
    {"text-to-image": text_to_image, "editing": editing}[example.name](example)
