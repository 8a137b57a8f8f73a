"""Trains the small feature network: on photographs and their label maps, in minutes, on a CPU.

Features of a segmentation network alone are blind to colour, and an output optimised for them is sharp in
false colours; features that give back every pixel blur as the pixels themselves do. So every tap here must
also tell the colour and the strength of texture around it, but not where the texture's edges lie. Batch
normalisation helps the training and is folded into the convolutions at the end: four times as fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from glimpse.progress import untracked

from ..losses.features import SMALL, FeatureNetwork, FeaturePlan, write_features
from ..network.devices import find_device
from .learner import channels_last
from .record import check_free
from .sources import DataRequest, open_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from glimpse.progress import Track

Pair = tuple[np.ndarray, np.ndarray]  # classes (H, W) integer, photo (H, W, 3) uint8


class _PixelClassifier(nn.Module):
    """The plan's convolutions with batch normalisation, and the heads that are thrown away afterwards."""

    def __init__(self, plan: FeaturePlan, classes: int):
        super().__init__()
        self.plan, self.classes = plan, classes
        self.convs, self.norms = nn.ModuleDict(), nn.ModuleDict()
        before = 3
        for block, (channels, count) in enumerate(plan.blocks, start=1):
            for index in range(1, count + 1):
                name = f"conv{block}_{index}"
                self.convs[name] = nn.Conv2d(before, channels, 3, padding=1, bias=False)
                self.norms[name] = nn.BatchNorm2d(channels)
                before = channels
        widths = [channels for channels, _ in plan.blocks]
        self.statistics = nn.ModuleList(nn.Conv2d(width, 5, 1) for width in widths)
        self.segmentation = nn.Sequential(
            nn.Conv2d(sum(widths[2:]), 64, 1), nn.ReLU(), nn.Conv2d(64, classes, 1)
        )

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return each tap's guess of `local_statistics`, and class logits at a quarter of the size."""
        x, taps = images, []
        for block, (_, count) in enumerate(self.plan.blocks, start=1):
            if block > 1:
                x = functional.avg_pool2d(x, 2)
            for index in range(1, count + 1):
                name = f"conv{block}_{index}"
                x = functional.relu(self.norms[name](self.convs[name](x)))
                if index == 2:
                    taps.append(x)
        statistics = [head(tap) for head, tap in zip(self.statistics, taps, strict=True)]
        size = taps[2].shape[-2:]
        wide = [functional.interpolate(tap, size, mode="bilinear", align_corners=False) for tap in taps[2:]]
        return statistics, self.segmentation(torch.cat(wide, 1))

    def folded(self) -> FeatureNetwork:
        """Return the plain network with the normalisation, and the division of its input, folded in."""
        network = FeatureNetwork(self.plan)
        with torch.no_grad():
            for position, name in enumerate(self.convs):
                conv: Any = self.convs[name]
                norm: Any = self.norms[name]
                folded: Any = network.convs[name]
                scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                kernel = conv.weight * scale.view(-1, 1, 1, 1)
                folded.weight.copy_(kernel / _UNIT if position == 0 else kernel)
                folded.bias.copy_(norm.bias - norm.running_mean * scale)
        return network


_UNIT = 64.0  # grey levels (minus the mean) to the classifier's input units


@dataclass(frozen=True)
class FeatureTraining:
    """How long and on what the small feature network is trained."""

    steps: int = 1800
    batch: int = 8
    crop: tuple[int, int] = (96, 128)  # (height, width) in pixels; multiples of 16
    learning_rate: float = 2e-3
    seed: int = 0


def train_features(
    pairs: Sequence[Pair],
    classes: int,
    settings: FeatureTraining = FeatureTraining(),
    *,
    plan: FeaturePlan = SMALL,
    device: str = "cpu",
    track: Track = untracked,
    log: Callable[[dict[str, float]], None] | None = None,
) -> FeatureNetwork:
    """Train on random crops, scales and mirror images of `pairs`; return the folded network.

    `classes` counts the label set's channels; the last one (void) is not learnt.
    """
    steps, batch, crop, seed = settings.steps, settings.batch, settings.crop, settings.seed
    learning_rate = settings.learning_rate
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = channels_last(_PixelClassifier(plan, classes).to(device))
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
    classifier.train()
    for step in track(range(steps), "feature network", steps):
        samples = [_crop(pairs[int(rng.integers(len(pairs)))], crop, rng) for _ in range(batch)]
        row = _update(classifier, optimizer, samples)
        schedule.step()
        if log and (step % 25 == 0 or step == steps - 1):
            log({"step": step, **row})
    classifier.eval()
    network: FeatureNetwork = classifier.cpu().folded()
    return network


def local_statistics(images: Tensor, window: int = 9) -> Tensor:
    """Return (N, 5, H, W): the mean colour, and mean |steps| of brightness across and down, around a pixel.

    What a texture looks like, not where its edges lie.
    """
    brightness = images.mean(1, keepdim=True)
    across = functional.pad((brightness[..., 1:] - brightness[..., :-1]).abs(), (0, 1))
    down = functional.pad((brightness[..., 1:, :] - brightness[..., :-1, :]).abs(), (0, 0, 0, 1))
    both = torch.cat([images, 2 * across, 2 * down], 1)
    return functional.avg_pool2d(both, window, 1, window // 2, count_include_pad=False)


def _update(
    classifier: _PixelClassifier, optimizer: torch.optim.Optimizer, samples: Sequence[tuple[Tensor, Tensor]]
) -> dict[str, float]:
    """Do one update; returns the statistics' L1, the segmentation's loss and its accuracy."""
    device = next(classifier.parameters()).device
    photos = torch.cat([photo for _, photo in samples]).contiguous(memory_format=torch.channels_last)
    inputs = ((photos - torch.tensor(classifier.plan.mean).view(1, 3, 1, 1)) / _UNIT).to(device)
    labels = torch.cat([label for label, _ in samples])[:, 2::4, 2::4].to(device)
    labels = labels.masked_fill(labels == classifier.classes - 1, -1)
    guesses, logits = classifier(inputs)
    truth = local_statistics(inputs)
    wrong = [
        functional.l1_loss(guess, functional.adaptive_avg_pool2d(truth, (guess.shape[2], guess.shape[3])))
        for guess in guesses
    ]
    described = torch.stack(wrong).mean()
    segmented = functional.cross_entropy(logits, labels, ignore_index=-1)
    optimizer.zero_grad()
    torch.autograd.backward(2.0 * described + segmented)
    optimizer.step()
    right = (logits.argmax(1) == labels)[labels >= 0].float().mean()
    return {
        "statistics": float(described.detach()),
        "segmentation": float(segmented.detach()),
        "accuracy": float(right),
    }


def _crop(pair: Pair, size: tuple[int, int], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Cut one window, of between once and twice the crop's size where the photo allows, and scale it."""
    classes, photo = pair
    height, width = size
    largest = min(classes.shape[0] / height, classes.shape[1] / width)
    scale = min(largest, 2 ** rng.uniform(0, 1))
    tall, wide = round(height * scale), round(width * scale)
    top = int(rng.integers(classes.shape[0] - tall + 1))
    left = int(rng.integers(classes.shape[1] - wide + 1))
    labels = torch.as_tensor(classes[top : top + tall, left : left + wide].astype(np.int64))[None]
    pixels = torch.as_tensor(photo[top : top + tall, left : left + wide].astype(np.float32)).permute(2, 0, 1)[
        None
    ]
    if rng.random() < 0.5:
        labels, pixels = labels.flip(-1), pixels.flip(-1)
    pixels = functional.interpolate(pixels, size, mode="bilinear", antialias=True, align_corners=False)
    labels = functional.interpolate(labels[None].float(), size, mode="nearest")[0].long()
    return labels, pixels


def start_features(
    source: DataRequest,
    path: Path,
    *,
    training: FeatureTraining,
    device: str = "cpu",
    threads: int = 0,
    command: str = "",
    track: Track = untracked,
) -> float:
    """Train the small feature network on `source`, write it to `path`; return its accuracy."""
    check_free(path.parent, path.stem)
    find_device(device)
    if threads:
        torch.set_num_threads(threads)
    opened = open_pairs(source, path.parent.parent, track)
    size = (180, 240) if opened.aspect < 1.6 else (160, 320)
    pairs = [opened.pairs.load(index, size) for index in range(len(opened.pairs))]
    rows: list[dict[str, float]] = []
    network = train_features(
        pairs, len(opened.labels.classes), training, device=device, track=track, log=rows.append
    )
    write_features(network, path, {"trained_by": command})
    return float(np.mean([row["accuracy"] for row in rows[-4:]]))
