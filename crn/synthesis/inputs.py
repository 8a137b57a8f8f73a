"""The label maps of a run: found, checked before anything is written, and read as the network needs them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.progress import untracked

from ..data.labels import (
    BUNDLED,
    ClassMapping,
    LabelSet,
    bundled_label_set,
    class_mapping,
    detect_encoding,
    label_map_files,
    label_set,
    mapping_names,
    read_label_map,
    resize_label_map,
)
from .inference import DTYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from glimpse.progress import Track

    from ..network.checkpoints import Weights, WeightsSettings
    from ..network.config import NetworkConfig


@dataclass(frozen=True)
class SynthesisConfig:
    """What decides the pixels; the same settings, weights and label maps give the same images."""

    label_set: str | None = None  # name or file; None: of the mapping, or of the weights
    mapping: str | None = None  # name or file of a mapping to the weights' label set
    encoding: str | None = None  # None: detected from the label maps
    unknown_to_void: bool = False
    size: tuple[int, int] | None = None  # (height, width) in pixels; None: the network's
    samples: int = 1  # images of each label map; more than one needs a diverse network
    grid: bool = False
    dtype: str = "float32"

    def __post_init__(self) -> None:
        """Check what can be checked without weights."""
        if self.dtype not in DTYPES:
            raise GlimpseError(f"dtype is {self.dtype!r}; it must be one of {', '.join(DTYPES)}.")
        if self.samples < 1:
            raise GlimpseError(f"samples is {self.samples}; it must be at least 1.")

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object with every setting."""
        return {**asdict(self), "size": list(self.size) if self.size else None}


@dataclass(frozen=True)
class LabelMaps:
    """Label map files, checked, and how to read them as classes of the network."""

    files: tuple[Path, ...]
    labels: LabelSet
    encoding: str
    certain: bool  # False: several numberings fit every file, and the first was taken
    mapping: ClassMapping | None
    size: tuple[int, int]  # (height, width) that the network is given
    resized: bool
    unknown_to_void: bool = False

    @property
    def items(self) -> list[str]:
        """The files' stems: the scenes that they depict."""
        return [path.stem for path in self.files]

    def read(self, path: Path) -> np.ndarray:
        """Read one label map as (H, W) uint8 classes of the network, at the network's size."""
        classes = read_label_map(
            path, self.labels, encoding=self.encoding, unknown_to_void=self.unknown_to_void
        )
        if self.mapping:
            classes = self.mapping(classes)
        return classes if classes.shape == self.size else resize_label_map(classes, *self.size)


def open_label_maps(
    path: Path | str | Sequence[Path],
    config: SynthesisConfig,
    weights: Weights,
    track: Track = untracked,
) -> LabelMaps:
    """Check that every label map can be read and fits the network.

    GlimpseError for the first that does not.
    """
    files = tuple(label_map_files(path)) if isinstance(path, Path | str) else tuple(path)
    _check_items(files)
    labels, mapping = _choose_labels(config, weights.settings, weights.name, files[0])
    encoding, certain = (config.encoding, True) if config.encoding else detect_encoding(files, labels)
    size = _network_size(config, weights.config, weights.name)
    maps = LabelMaps(
        files, labels, encoding, certain, mapping, size, resized=False, unknown_to_void=config.unknown_to_void
    )
    for file in track(files, "checking label maps"):
        shape = read_label_map(file, labels, encoding=encoding, unknown_to_void=config.unknown_to_void).shape
        maps = maps if shape == size else replace(maps, resized=True)
        if config.size is None and shape[1] * size[0] != shape[0] * size[1]:
            raise GlimpseError(_wrong_size(file, shape, weights))
    return maps


def _check_items(files: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for file in files:
        if file.stem in seen:
            raise GlimpseError(
                f"{seen[file.stem]} and {file.name}: two label maps of one item {file.stem!r}; rename one."
            )
        seen[file.stem] = file


def _choose_labels(
    config: SynthesisConfig, settings: WeightsSettings, name: str, what: Path | str
) -> tuple[LabelSet, ClassMapping | None]:
    """Find the label set of `what`, and the mapping to the network's; name: of its weights."""
    needed = settings.config.label_set
    mapping = class_mapping(config.mapping) if config.mapping else None
    if mapping and mapping.target.classes != settings.class_names:
        raise GlimpseError(
            f"mapping {mapping.name!r} leads to label set {mapping.target.name!r}, but weights "
            f"{name!r} take {needed!r}. Choose another --map, or other --weights."
        )
    if config.label_set:
        labels = label_set(config.label_set)
    elif mapping:
        labels = mapping.source
    elif needed in BUNDLED:
        labels = bundled_label_set(needed)
    else:
        raise GlimpseError(f"weights {name!r} take your own label set {needed!r}; name it by --label-set.")
    expected = mapping.source.classes if mapping else settings.class_names
    if labels.classes != expected:
        possible = [known for known in mapping_names() if known == f"{labels.name}-{needed}"]
        hint = f"Add --map {possible[0]}" if possible else "Give a mapping of your own with --map FILE.json"
        raise GlimpseError(
            f"{what}: is of label set {labels.name!r}, but weights {name!r} take {needed!r}. "
            f"{hint}, or choose other --weights."
        )
    return labels, mapping


def check_network(config: SynthesisConfig, settings: WeightsSettings, name: str, what: str) -> None:
    """Raise GlimpseError where a network cannot make what is asked for of `what`; name: of its weights."""
    _choose_labels(config, settings, name, what)
    images_of(config, settings.config, name)
    _network_size(config, settings.config, name)


def images_of(config: SynthesisConfig, network: NetworkConfig, name: str) -> int:
    """Return how many images of a label map are made.

    GlimpseError when the network does not make that many.
    """
    outputs = network.outputs
    wanted = outputs if config.grid and config.samples == 1 else config.samples
    if wanted > outputs or (config.grid and outputs == 1):
        raise GlimpseError(
            f"weights {name!r} make {outputs} image{'s' * (outputs > 1)} of a label map; "
            f"{'--grid' if config.grid else f'--samples {wanted}'} needs those of a diverse network."
        )
    return wanted


def _network_size(config: SynthesisConfig, network: NetworkConfig, name: str) -> tuple[int, int]:
    """Return (height, width) of the network's input; GlimpseError for a --size that does not halve down."""
    if config.size is None:
        return network.height, network.width
    step = network.height // network.heights[0]
    if any(side < step or side % step for side in config.size):
        raise GlimpseError(
            f"--size {config.size[0]}x{config.size[1]}: weights {name!r} can make heights and widths "
            f"that are multiples of {step}; they were trained at {network.height}x{network.width}."
        )
    return config.size


def _wrong_size(file: Path, shape: tuple[int, int], weights: Weights) -> str:
    network = weights.config
    works = ", ".join(f"{h}x{w}" for h, w in [(network.height * n, network.width * n) for n in (1, 2, 4)])
    return (
        f"{file}: is {shape[0]}x{shape[1]} (height x width), which is not the aspect of weights "
        f"{weights.name!r}. Label maps of {works} or any other size of that aspect work; "
        f"--size {network.height}x{network.width} resizes (and stretches) this one by nearest neighbour."
    )
