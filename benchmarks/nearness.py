"""How near a network's images are to held-out photographs, by a judge with which no network was trained.

    python benchmarks/nearness.py --data camvid:CamVid --hold-out 0001TP --judge mobilenet_v2-b0353104.pth \\
        --weights old=camvid-crn --weights new=training/camvid-crn/camvid-crn.safetensors --sheet sheet.png

distance: of the judge's inner maps to those of the photograph of the same layout, each map in units of what
    two photographs of different places differ by; the mean over the maps. 1 = as unlike as two of those.
same tones: the same after each image's channels were given the photograph's mean and standard deviation,
    since a label map says nothing of the hour.
gradients: gradient energy as a share of the photographs'.
grey levels: mean absolute difference.

"next photograph" is the photograph of the sequence's next frame: nearly the same layout, another moment,
which is as near as one can come without having seen the photograph. Of a network with several images of a
label map the nearest counts. `--judge`, repeatable, takes the files that `_judges.py` names. `--sheet` writes
label map | networks | photograph.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._judges import InnerMaps
from benchmarks._sizes import whole_number
from glimpse.crn.data.labels import colour_label_map
from glimpse.crn.network.checkpoints import load_weights
from glimpse.crn.synthesis.inference import Renderer
from glimpse.crn.training.sources import DataRequest, open_pairs
from glimpse.errors import GlimpseError


class Judge:
    """Distances of images in a network's maps; 1 = what photographs of different places differ by."""

    def __init__(self, network: InnerMaps, photos: np.ndarray):
        """`photos`: (n, H, W, 3) uint8, of which those that stand half of the list apart are unlike."""
        self.network, self.units = network, [1.0] * 5
        maps = [self.maps(photo) for photo in photos]
        half = len(maps) // 2
        pairs = list(zip(maps[:half], maps[half:], strict=False))
        self.units = [
            float(np.mean([(a[k] - b[k]).abs().mean() for a, b in pairs])) for k in range(len(self.units))
        ]

    @torch.inference_mode()
    def maps(self, image: np.ndarray) -> list[torch.Tensor]:
        """Maps of an image (H, W, 3) in [0, 255]."""
        return self.network(torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None])

    def __call__(self, image: np.ndarray, target: list[torch.Tensor]) -> float:
        """Return the distance of an image to one with these maps."""
        parts = zip(self.maps(image), target, self.units, strict=True)
        return float(np.mean([float((a - b).abs().mean()) / unit for a, b, unit in parts]))


def same_tones(image: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Give an image's channels the photograph's mean and standard deviation."""
    image, wide = image.astype(np.float64), photo.astype(np.float64)
    spread = image.std((0, 1)) + 1e-6
    made = (image - image.mean((0, 1))) / spread * wide.std((0, 1)) + wide.mean((0, 1))
    return made.clip(0, 255)


def gradients(image: np.ndarray) -> float:
    """Return the mean absolute step of brightness between neighbours."""
    grey = image.astype(np.float64).mean(-1)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def judge(images: np.ndarray, photos: np.ndarray, by: Judge) -> dict[str, float]:
    """Return the figures of the nearest of k images (n, k, H, W, 3) to photographs of the same layouts."""
    targets = [by.maps(photo) for photo in photos]
    distances = [[by(image, target) for image in made] for made, target in zip(images, targets, strict=True)]
    nearest = [made[int(np.argmin(of))] for made, of in zip(images, distances, strict=True)]
    toned = [same_tones(image, photo) for image, photo in zip(nearest, photos, strict=True)]
    return {
        "distance": float(np.mean([min(of) for of in distances])),
        "same tones": float(np.mean([by(one, target) for one, target in zip(toned, targets, strict=True)])),
        "gradients": sum(map(gradients, nearest)) / sum(map(gradients, photos)),
        "grey levels": float(np.abs(np.stack(nearest).astype(int) - photos).mean()),
    }


def held_out(request: DataRequest, size: tuple[int, int], count: int, folder: Path) -> Any:
    """Return labels (n, H, W), photographs (n, H, W, 3), each photograph's next one, and the label set."""
    opened = open_pairs(request, folder)
    if opened.looking is None:
        raise GlimpseError("--hold-out PREFIX is needed: photographs that no network was trained on.")
    looking = opened.looking
    places = np.linspace(0, len(looking) - 2, min(count, len(looking) - 1)).round().astype(int)
    read = [looking.load(int(place), size) for place in places]
    following = [looking.load(int(place) + 1, size)[1] for place in places]
    return np.stack([r[0] for r in read]), np.stack([r[1] for r in read]), np.stack(following), opened.labels


def render(weights: str, labels: np.ndarray) -> np.ndarray:
    """Return a network's images of each label map, (n, k, H, W, 3) uint8."""
    renderer = Renderer(load_weights(weights).model)
    return np.stack([renderer(one[None])[0].permute(0, 2, 3, 1).numpy() for one in labels])


def sheet(path: Path, columns: list[np.ndarray], rows: int) -> None:
    """Write the first images of several lists beside one another."""
    chosen = np.linspace(0, len(columns[0]) - 1, rows).round().astype(int)
    lines = [np.concatenate([column[row] for column in columns], 1) for row in chosen]
    Image.fromarray(np.concatenate(lines, 0)).save(path)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="", metavar="KIND:PATH")
    parser.add_argument("--hold-out", default="0001TP")
    parser.add_argument("--judge", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--photographs", type=whole_number(4), default=24)
    parser.add_argument("--weights", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--rows", type=whole_number(1), default=6)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not options.data or not options.judge:
        print("Not run: give photographs with label maps (--data KIND:PATH) and a judge (--judge FILE).")
        return
    named = dict(entry.partition("=")[::2] for entry in options.weights or ["camvid-crn=camvid-crn"])
    size = next((c.height, c.width) for c in (load_weights(file).config for file in named.values()))
    source = DataRequest(options.data, hold_out=options.hold_out)
    labels, photos, following, names = held_out(source, size, options.photographs, Path("training"))
    judges = [InnerMaps(path) for path in options.judge]
    made = {name: render(file, labels) for name, file in named.items()}
    print(f"{len(photos)} held-out photographs of {options.data}, {size[0]}x{size[1]}")
    found = {}
    for network in judges:
        by = Judge(network, photos)
        rows = {name: judge(images, photos, by) for name, images in made.items()}
        rows["next photograph"] = judge(following[:, None], photos, by)
        print(f"{network.name:>18}" + "".join(f"{name:>14}" for name in rows["next photograph"]))
        for name, figures in rows.items():
            print(f"{name:>18}" + "".join(f"{figure:>14.3f}" for figure in figures.values()))
        found[network.name] = rows
    if options.sheet:
        layouts = np.stack([colour_label_map(one, names) for one in labels])
        sheet(options.sheet, [layouts, *(images[:, 0] for images in made.values()), photos], options.rows)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
