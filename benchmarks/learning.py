"""What the bundled networks have learnt, on held-out scenes: nearness, sharpness, diversity, specialisation.

    python benchmarks/learning.py [--scenes 48] [--first 24] [--features FILE] [--weights crn=FILE ...]

The scenes are of the split "sample", which no training sees, and not those that are bundled.

nearness: feature distance (by the bundled small network, with which the CRN trained, so it is partial, or by
    another with --features; and by a random one, with which nobody trained), grey levels and SSIM to the
    photograph of the same layout, and to the nearest of eight photographs of it, since a label map says
    nothing of the hour or of paint. Units of feature distances: the mean between photographs of different
    scenes; 1 = as unlike as two of those.
texture: gradient energy as a share of the photographs', and the Frechet distance between the
    distributions of local features (conv2_2, one sample a position), which blur and false texture
    raise.
diversity: the mean distance of pairs of the k images of a label map. Specialisation: the share of the
    variance of mean car and sky colours (scene means taken out) that the output's number explains; by
    chance 1 / scenes, with a permutation p. An untrained network passes that too (0.95 and more: its
    outputs differ in colour everywhere alike), so it counts only together with nearness: the mean of k
    must be nearer to the photograph than a photograph of another scene is. And whether the best of k is
    nearer than the single-output network.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._sizes import whole_number
from glimpse.crn import scenes
from glimpse.crn.losses.features import SMALL_FILE, FeatureNetwork, random_features, small_features
from glimpse.crn.network.checkpoints import bundled_weights, load_weights
from glimpse.crn.synthesis.inference import Renderer

SIZE = (128, 256)
NAMES = {
    "crn": "scenes-crn",
    "image-space": "scenes-image-space",
    "pix2pix": "scenes-pix2pix",
    "diverse": "scenes-diverse",
}
LOOKS = 8
CAR, SKY = 13, 10
FEWEST_PIXELS = 200  # of a class in a scene, for its mean colour to count
PERMUTATIONS = 2000


@dataclass(frozen=True)
class HeldOut:
    """Layouts with photographs, uint8: labels (n, H, W), photos (n, H, W, 3), looks (n, LOOKS, H, W, 3)."""

    labels: np.ndarray
    photos: np.ndarray
    looks: np.ndarray


def draw(first: int, count: int) -> HeldOut:
    """Draw held-out scenes; the first look of each layout is its photograph."""
    many = [
        scenes.appearances(scenes.split_rng("sample", index), LOOKS, *SIZE)
        for index in range(first, first + count)
    ]
    labels = np.stack([drawn[0].labels for drawn in many])
    looks = np.stack([[look.photo for look in drawn] for drawn in many])
    return HeldOut(labels, looks[:, 0], looks)


class Distance:
    """Mean absolute difference of features, each layer in units of what two random photographs differ by."""

    def __init__(self, network: FeatureNetwork, photos: np.ndarray) -> None:
        self.network = network
        count = len(network.plan.taps)
        self.units = [torch.ones(()) for _ in range(count)]
        taps = [self.taps(photo) for photo in photos[:16]]
        pairs = list(combinations(range(len(taps)), 2))
        totals = [
            torch.stack([(taps[i][k] - taps[j][k]).abs().mean() for i, j in pairs]).mean()
            for k in range(count)
        ]
        self.units = totals

    def taps(self, image: np.ndarray) -> list[torch.Tensor]:
        """Features (1, C, h, w) of an image (H, W, 3) uint8 at the taps."""
        with torch.inference_mode():
            return self.network(torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float())

    def __call__(self, a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
        """Return the distance of two images' taps, without the input's."""
        parts = [
            ((x - y).abs().mean() / unit).item()
            for x, y, unit in zip(a[1:], b[1:], self.units[1:], strict=True)
        ]
        return float(np.mean(parts))


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) of two images (H, W, 3) uint8, Gaussian windows."""
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


def gradient_energy(image: np.ndarray) -> float:
    """Mean absolute difference of neighbouring pixels, in grey levels."""
    grey = image.mean(-1)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance between two samples (n, d), as Gaussians."""
    mean = a.mean(0) - b.mean(0)
    one, other = np.cov(a.T), np.cov(b.T)
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other @ root), 0)).sum()
    return max(0.0, float(mean @ mean + np.trace(one) + np.trace(other) - 2 * shared))


def local_features(distance: Distance, images: np.ndarray) -> np.ndarray:
    """Features of conv2_2 at every fourth position, (n, channels)."""
    rows = [distance.taps(image)[2][0, :, ::4, ::4].flatten(1).T for image in images]
    return torch.cat(rows).numpy().astype(np.float64)


def judge(images: np.ndarray, held: HeldOut, small: Distance, random: Distance) -> dict[str, float]:
    """Compare one network's images (n, H, W, 3) with the photographs."""
    rows = []
    for image, photo, looks in zip(images, held.photos, held.looks, strict=True):
        mine, other = small.taps(image), random.taps(image)
        to_looks = [small(mine, small.taps(look)) for look in looks]
        greys = np.abs(image.astype(int) - photo).mean()
        rows.append((
            to_looks[0], random(other, random.taps(photo)), min(to_looks), greys, ssim(image, photo),
            max(ssim(image, look) for look in looks), gradient_energy(image) / gradient_energy(photo),
        ))  # fmt: skip
    names = ("features", "random features", "features, nearest look", "grey levels", "SSIM",
             "SSIM, nearest look", "gradient energy")  # fmt: skip
    figures = dict(zip(names, np.mean(rows, 0).tolist(), strict=True))
    figures["Frechet"] = frechet(local_features(small, images), local_features(small, held.photos))
    return figures


def class_colours(images: np.ndarray, labels: np.ndarray, label: int) -> np.ndarray:
    """Mean colours (scenes, k, 3) of a class in images (n, k, H, W, 3), of scenes that show enough of it."""
    found: list[list[np.ndarray]] = []
    for outputs, classes in zip(images, labels, strict=True):
        inside = classes == label
        if inside.sum() >= FEWEST_PIXELS:
            found.append([image[inside].mean(0) for image in outputs])
    return np.array(found)


def specialisation(colours: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Share of the variance of colours (scenes, k, 3) that the output explains, and the p of that."""
    centred = colours - colours.mean(1, keepdims=True)
    total = (centred**2).sum()

    def share(values: np.ndarray) -> float:
        return float(len(values) * (values.mean(0) ** 2).sum() / total)

    observed = share(centred)
    shuffled: list[float] = []
    for _ in range(PERMUTATIONS):
        order = rng.permuted(np.tile(np.arange(colours.shape[1]), (len(colours), 1)), axis=1)
        shuffled.append(share(np.take_along_axis(centred, order[..., None], 1)))
    p = (1 + sum(value >= observed for value in shuffled)) / (1 + PERMUTATIONS)
    spread = float(centred.std(0).mean()), float(colours.mean(0).std(0).mean())
    return {
        "scenes": len(colours), "share explained": observed, "by chance": float(np.mean(shuffled)), "p": p,
        "grey levels within an output": spread[0], "grey levels between outputs": spread[1],
    }  # fmt: skip


def judge_diversity(
    images: np.ndarray, single: np.ndarray | None, held: HeldOut, small: Distance
) -> dict[str, Any]:
    """Compare the k images (n, k, H, W, 3) of a diverse network with one another and with the photographs."""
    count = images.shape[1]
    apart, greys, best, mean, alone = [], [], [], [], []
    for index, outputs in enumerate(images):
        taps = [small.taps(image) for image in outputs]
        photo = small.taps(held.photos[index])
        apart.append(np.mean([small(taps[i], taps[j]) for i, j in combinations(range(count), 2)]))
        greys.append(
            np.mean(
                [np.abs(outputs[i].astype(int) - outputs[j]).mean() for i, j in combinations(range(count), 2)]
            )
        )
        distances = [small(tap, photo) for tap in taps]
        best.append(min(distances))
        mean.append(np.mean(distances))
        if single is not None:
            alone.append(small(small.taps(single[index]), photo))
    rng = np.random.default_rng(0)
    looks_apart = [
        np.mean([small(small.taps(a), small.taps(b)) for a, b in combinations(looks[:4], 2)])
        for looks in held.looks[:16]
    ]
    figures: dict[str, Any] = {
        "k": count, "pairs apart, features": float(np.mean(apart)),
        "pairs apart, grey levels": float(np.mean(greys)),
        "photographs of one layout apart, features": float(np.mean(looks_apart)),
        "best of k to the photograph": float(np.mean(best)),
        "mean of k to the photograph": float(np.mean(mean)),
        "car colour": specialisation(class_colours(images, held.labels, CAR), rng),
        "sky colour": specialisation(class_colours(images, held.labels, SKY), rng),
    }  # fmt: skip
    if alone:
        figures["single output to the photograph"] = float(np.mean(alone))
        figures["scenes whose best of k is nearer"] = float(np.mean(np.array(best) < np.array(alone)))
    return figures


def render(path: str, labels: np.ndarray) -> np.ndarray:
    """Return a network's images (n, k, H, W, 3) uint8 of label maps (n, H, W)."""
    renderer = Renderer(load_weights(path).model)
    made = [renderer(classes[None])[0].permute(0, 2, 3, 1).numpy() for classes in labels]
    return np.stack(made)


def claims(found: dict[str, dict[str, float]], diverse: dict[str, Any] | None) -> list[tuple[str, bool]]:
    """Return what should hold of networks that have learnt, and whether it does."""
    out = []
    for baseline in ("image-space", "pix2pix"):
        if "crn" in found and baseline in found:
            ours, theirs = found["crn"], found[baseline]
            out += [
                (f"CRN nearer than {baseline} (features)", ours["features"] < theirs["features"]),
                (
                    f"CRN nearer than {baseline} (random features)",
                    ours["random features"] < theirs["random features"],
                ),
                (f"CRN's SSIM above {baseline}'s", ours["SSIM"] > theirs["SSIM"]),
                (f"CRN's local features likelier than {baseline}'s", ours["Frechet"] < theirs["Frechet"]),
            ]
    if diverse:
        for part in ("car colour", "sky colour"):
            out.append((f"outputs specialise in {part} (p < 0.01)", diverse[part]["p"] < 0.01))
        out.append(
            ("outputs nearer than another scene's photograph", diverse["mean of k to the photograph"] < 1)
        )
        if "single output to the photograph" in diverse:
            nearer = diverse["best of k to the photograph"] < diverse["single output to the photograph"]
            out.append(("best of k nearer to the photograph than the single output", nearer))
    return out


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    """Print a table: a row a condition, a column a figure."""
    print(f"\n{title}")
    names = list(next(iter(rows.values())))
    print(f"{'':>14}" + "".join(f"{name:>24}" for name in names))
    for condition, figures in rows.items():
        print(f"{condition:>14}" + "".join(f"{figures[name]:>24.3f}" for name in names))


def show_diversity(figures: dict[str, Any]) -> None:
    """Print a diverse network's figures."""
    print("\ndiverse network")
    for key, value in figures.items():
        parts = value if isinstance(value, dict) else {"": value}
        print(f"  {key}: " + "  ".join(f"{part} {number:.3f}".strip() for part, number in parts.items()))


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=whole_number(2), default=48)
    parser.add_argument("--first", type=whole_number(0), default=24, help="index of the first held-out scene")
    parser.add_argument("--weights", nargs="*", default=[], metavar="CONDITION=FILE")
    parser.add_argument("--features", type=Path, default=SMALL_FILE, help="the feature network that judges")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    named = {**{key: name for key, name in NAMES.items() if name in bundled_weights()}}
    for pair in options.weights:
        condition, _, file = pair.partition("=")
        if not Path(file).is_file() or not condition:
            parser.error(f"--weights {pair}: CONDITION=FILE is needed, with a file that is there")
        named[condition] = file
    if not named:
        raise SystemExit("No bundled weights of the sample scenes yet; name some with --weights crn=FILE.")
    held = draw(options.first, options.scenes)
    small = Distance(small_features(options.features), held.photos)
    random = Distance(random_features(5), held.photos)
    made = {condition: render(path, held.labels) for condition, path in named.items()}
    blurred = held.photos.mean(0).astype(np.uint8)
    found = {
        name: judge(images[:, 0], held, small, random) for name, images in made.items() if name != "diverse"
    }
    reference = {
        "another photo": judge(np.roll(held.looks[:, 2], 1, 0), held, small, random),
        "mean photo": judge(np.repeat(blurred[None], len(held.photos), 0), held, small, random),
        "another look": judge(
            held.looks[:, 1], HeldOut(held.labels, held.photos, np.delete(held.looks, 1, 1)), small, random
        ),
    }
    show(
        f"{options.scenes} held-out scenes from number {options.first}: images against photographs",
        {**found, **reference},
    )
    diverse = None
    if "diverse" in made:
        single = made["crn"][:, 0] if "crn" in made else None
        diverse = judge_diversity(made["diverse"], single, held, small)
        show_diversity(diverse)
    print()
    for claim, holds in claims(found, diverse):
        print(f"{'holds' if holds else 'DOES NOT HOLD':>14}  {claim}")
    if options.json:
        options.json.write_text(
            json.dumps({"networks": found, "references": reference, "diverse": diverse}, indent=2)
        )


if __name__ == "__main__":
    main()
