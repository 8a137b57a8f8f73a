"""The losses: feature matching, image space, and the diversity loss (Chen & Koltun 2017, Eq. 1 to 3)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from glimpse.errors import GlimpseError

from .features import TAPS

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("features", "image", "diverse")

# What each tap's mean difference is divided by: input, conv1_2 ... conv5_2. The authors' numbers, the
# 1 / lambda that their rule had found after 100 epochs with VGG-19 on [0, 255] images; they hold for no other
# network. conv5_2 counts ten times.
AUTHORS_DIVISORS = {
    "256p": (1.0, 1.6, 2.3, 1.8, 2.8, 0.08),
    "512p": (1.0, 2.6, 4.8, 3.7, 5.6, 0.15),
    "1024p": (1.0, 2.6, 4.8, 3.7, 5.6, 0.15),
    "gta5-256p": (1.0, 1.4, 1.8, 1.3, 2.2, 0.062),
}
# Eq. 3 as trained: the best of the k images counts, and all of them a little, so that none is forgotten.
BEST_SHARE, MEAN_SHARE = 0.999, 0.001


def authors_divisors(height: int, label_set: str) -> tuple[float, ...]:
    """Return the authors' constants for an output of `height` pixels; between 256, 512, 1024 the next."""
    if label_set == "gta5" and height <= 256:
        return AUTHORS_DIVISORS["gta5-256p"]
    return AUTHORS_DIVISORS["256p" if height <= 256 else "512p" if height <= 512 else "1024p"]


@dataclass(frozen=True)
class Terms:
    """A loss with its parts: `total` to differentiate, `parts` by tap, detached, as they enter the total.

    All are on the loss's device: whoever wants numbers waits for it once, not once a term.
    """

    total: Tensor
    parts: dict[str, Tensor]
    raw: tuple[Tensor, ...] = ()  # each tap's mean difference before the division, for the paper's rule

    def numbers(self) -> Tensor:
        """Return the total, the parts and the raw terms in a row, detached, float32."""
        values = (self.total.detach(), *self.parts.values(), *self.raw)
        return torch.stack([value.float() for value in values])


def layer_differences(output: Sequence[Tensor], photo: Sequence[Tensor]) -> list[Tensor]:
    """Return each tap's mean absolute difference over (C, H, W), summed over the samples."""
    return [absolute_difference(a, b) for a, b in zip(output, photo, strict=True)]


def absolute_difference(output: Tensor, photo: Tensor) -> Tensor:
    """Mean over (C, H, W) of |output - photo|, summed over the samples; only `output` gets a gradient."""
    made: Tensor = _AbsoluteDifference.apply(output, photo)  # type: ignore[no-untyped-call]
    return made


class _AbsoluteDifference(torch.autograd.Function):
    """`absolute_difference`; keeps the signs alone, a byte a number, for its gradient."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, photo: Tensor) -> Tensor:
        wide = torch.promote_types(output.dtype, torch.float32)
        difference = output.to(wide) - photo.to(wide)
        ctx.save_for_backward(difference.sign().to(torch.int8))
        ctx.dtype = output.dtype
        return difference.abs_().mean(dim=(1, 2, 3)).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (signs,) = ctx.saved_tensors
        return signs.to(ctx.dtype) * (gradient / signs[0].numel()).to(ctx.dtype), None


def feature_matching(
    output: Sequence[Tensor], photo: Sequence[Tensor], divisors: Sequence[float], share: float = 1.0
) -> Terms:
    """Eq. 1: sum over taps of mean |Phi_l(I) - Phi_l(g(L))| / c_l, summed over the batch and times `share`.

    `output`, `photo`: taps (N, C_l, H_l, W_l). `share` is one over the samples of the global batch.
    """
    _check(divisors, len(output))
    differences = layer_differences(output, photo)
    weighted = [difference * (share / c) for difference, c in zip(differences, divisors, strict=True)]
    return _terms(torch.stack(weighted).sum(), weighted, differences, share)


def image_space(images: Tensor, photos: Tensor, share: float = 1.0) -> Terms:
    """Mean absolute difference in grey levels, (N, 3, H, W) each: the paper's image-space baseline."""
    difference = absolute_difference(images, photos)
    return Terms(difference * share, {"input": difference.detach() * share})


def class_means(difference: Tensor, labels: Tensor) -> Tensor:
    """Mean over pixels of label_p times the difference, for each image and class: (k, classes) float32.

    `difference`: (k, h, w), averaged over channels; `labels`: (classes, h, w), fractions of a class. A matrix
    product, and outside autocast: in bfloat16 the sum over so many pixels is off by half a per cent.
    """
    with torch.autocast(difference.device.type, enabled=False):
        pixels = difference.shape[-2] * difference.shape[-1]
        return difference.float().flatten(1) @ labels.float().flatten(1).T / pixels


def diversity(
    output: Sequence[Tensor],
    photo: Sequence[Tensor],
    labels: Tensor,
    divisors: Sequence[float],
    *,
    share: float = 1.0,
) -> Terms:
    """Eq. 3: for each class the best of k images counts, 0.999 x sum_p min_u + 0.001 x sum_p mean_u.

    `output`: taps (N k, C_l, H_l, W_l) with a sample's k images in a row; `photo`: taps (N, C_l, H_l, W_l);
    `labels`: one-hot (N, classes, H, W), area-resized here to each tap's size.
    """
    _check(divisors, len(output))
    samples = labels.shape[0]
    k = output[0].shape[0] // samples
    nothing = output[0].new_zeros((), dtype=torch.float32)
    total, parts, raw = [], [nothing for _ in divisors], [nothing for _ in divisors]
    for n in range(samples):
        by_class = []
        for level, (tap, target, c) in enumerate(zip(output, photo, divisors, strict=True)):
            difference = (tap[n * k : (n + 1) * k].float() - target[n].float()).abs().mean(1)  # (k, h, w)
            mask = functional.adaptive_avg_pool2d(
                labels[n].float(), (difference.shape[1], difference.shape[2])
            )
            means = class_means(difference, mask)  # (k, classes)
            by_class.append(means / c)
            raw[level] = raw[level] + difference.detach().mean()
        cost = torch.stack(by_class)  # (taps, k, classes)
        per_image = cost.sum(0)  # (k, classes)
        best = per_image.argmin(0)
        total.append(BEST_SHARE * per_image.min(0).values.sum() + MEAN_SHARE * per_image.mean(0).sum())
        chosen = cost.detach().gather(1, best.expand(cost.shape[0], 1, -1)).sum((1, 2))
        parts = [part + value for part, value in zip(parts, chosen, strict=True)]
    named = {name: part * share for name, part in zip(TAPS, parts, strict=False)}
    return Terms(torch.stack(total).sum() * share, named, tuple(value * share for value in raw))


def _terms(total: Tensor, weighted: list[Tensor], differences: list[Tensor], share: float) -> Terms:
    parts = {name: value.detach() for name, value in zip(TAPS, weighted, strict=False)}
    return Terms(total, parts, tuple(value.detach() * share for value in differences))


def _check(divisors: Sequence[float], taps: int) -> None:
    if len(divisors) != taps or any(not c > 0 for c in divisors):
        raise GlimpseError(
            f"the loss needs {taps} positive divisors ({', '.join(TAPS[:taps])}), not {list(divisors)}."
        )


@dataclass
class Balance:
    """The paper's own rule: lambda_l is set so that every term contributes alike (section 4).

    `divisors` start from the mean difference between pairs of photographs, or as given; `observe` keeps a
    running mean of the raw terms; `rescale` sets the divisors from it. In units of the input's term, whose
    divisor stays 1, as in the authors' constants. `emphasis` multiplies a tap's contribution (0 leaves it
    out); as many of its factors count as the feature network has taps.
    """

    divisors: tuple[float, ...]
    emphasis: tuple[float, ...] = (1.0,) * len(TAPS)
    running: tuple[float, ...] = ()
    decay: float = 0.99

    @classmethod
    def between_photos(cls, taps: Sequence[Sequence[Tensor]], emphasis: Sequence[float]) -> Balance:
        """Start from the mean difference of neighbours in a list of photographs' taps."""
        pairs = list(itertools.pairwise(taps))
        if not pairs:
            raise GlimpseError("balancing the loss needs at least two photographs.")
        sums = [torch.stack(layer_differences(a, b)) for a, b in pairs]
        means = torch.stack(sums).mean(0).tolist()
        found = cls((1.0,) * len(means), tuple(emphasis))
        found._set(means)
        return found

    def observe(self, raw: Sequence[float]) -> None:
        """Take one step's raw terms into the running means."""
        if not self.running:
            self.running = tuple(raw)
        self.running = tuple(
            self.decay * old + (1 - self.decay) * new for old, new in zip(self.running, raw, strict=True)
        )

    def rescale(self) -> None:
        """Set the divisors from the running means, if any were seen."""
        if self.running:
            self._set(self.running)

    def _set(self, means: Sequence[float]) -> None:
        unit = max(means[0], 1e-8)
        weights = self.emphasis[: len(means)]
        self.divisors = tuple(
            max(mean / unit, 1e-8) / weight if weight else math.inf
            for mean, weight in zip(means, weights, strict=True)
        )
