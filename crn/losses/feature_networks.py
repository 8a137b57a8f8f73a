"""Which feature network the loss may compare with: one entry a choice, of which `--features` is made.

PyTorch is imported when a network is built, so that `train --help` is instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .features import FeatureNetwork


@dataclass(frozen=True)
class FeatureChoice:
    """A feature network: its words in the option's help, and what builds it.

    build: takes a file in place of the default one, whether missing weights may be downloaded, and a seed.
    published: whether the authors' weights of the loss's terms hold for it.
    """

    name: str
    words: str
    build: Callable[[Path | None, bool, int], FeatureNetwork]
    published: bool = False


def _small(path: Path | None, download: bool, seed: int) -> FeatureNetwork:  # noqa: ARG001
    from .features import SMALL_FILE, small_features

    return small_features(path or SMALL_FILE)


def _vgg19(path: Path | None, download: bool, seed: int) -> FeatureNetwork:  # noqa: ARG001
    from .features import vgg19_features

    return vgg19_features(path, download=download)


def _vgg16(path: Path | None, download: bool, seed: int) -> FeatureNetwork:  # noqa: ARG001
    from .features import vgg16_features

    return vgg16_features(path)


def _random(path: Path | None, download: bool, seed: int) -> FeatureNetwork:  # noqa: ARG001
    from .features import random_features

    return random_features(seed)


FEATURE_NETWORKS = {
    entry.name: entry
    for entry in (
        FeatureChoice("small", "bundled", _small),
        FeatureChoice("vgg19", "VGG-19 (needs its weights)", _vgg19, published=True),
        FeatureChoice("vgg16", "VGG-16 (import-weights writes it)", _vgg16),
        FeatureChoice("random", "random", _random),
    )
}


def build_features(
    kind: str, path: Path | None = None, *, download: bool = False, seed: int = 0
) -> FeatureNetwork:
    """Return the feature network called `kind`; `path` replaces the default file."""
    if kind not in FEATURE_NETWORKS:
        raise GlimpseError(f"--features {kind}: expected one of {', '.join(FEATURE_NETWORKS)}.")
    return FEATURE_NETWORKS[kind].build(path, download, seed)
