"""The settings of a network: what is stored with its weights, and what rebuilds it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from glimpse.errors import GlimpseError

BASE_HEIGHT = 4


def authors_features(height: int) -> int:
    """Return the features of the refinement module at `height` pixels in the published network."""
    if height < 128:
        return 1024
    if height <= 256:
        return 512
    return 128 if height <= 512 else 32


@dataclass(frozen=True)
class NetworkConfig:
    """A network, whole: `NetworkConfig(height=256, width=512)` is the published one at 256p.

    A refinement cascade works at `base_height`, twice that, ... `height` pixels; `width` halves along.
    """

    architecture: str = "crn"  # a name in `crn.network.checkpoints.ARCHITECTURES`
    label_set: str = (
        "cityscapes"  # what the classes mean; a name of `crn.data.labels`, or of your own label set
    )
    classes: int = 20  # channels of the one-hot label map, void (the last) included
    height: int = 256  # pixels of the output
    width: int = 512
    base_height: int = BASE_HEIGHT  # pixels of the coarsest module; 3 for 96 x 128
    features: tuple[int, ...] = ()  # of each module, coarsest first; empty: as published
    outputs: int = 1  # k images for one label map

    def __post_init__(self) -> None:
        """Check every field; fill in the published widths where none are given."""
        for name in ("classes", "height", "width", "base_height", "outputs"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise GlimpseError(f"network setting {name} is {value!r}; it must be a whole number from 1.")
        for name in ("architecture", "label_set"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise GlimpseError(f"network setting {name} is {getattr(self, name)!r}; it must be a name.")
        if self.classes < 2:
            raise GlimpseError(
                f"network setting classes is {self.classes}; it must be 2 or more (void counts)."
            )
        self._check_ladder()
        widths = tuple(self.features) or tuple(authors_features(height) for height in self.heights)
        if any(not isinstance(width, int) or isinstance(width, bool) or width < 1 for width in widths):
            raise GlimpseError(
                f"network setting features is {list(widths)}; each must be a whole number from 1."
            )
        if self.architecture == "crn" and len(widths) != len(self.heights):
            raise GlimpseError(
                f"network setting features has {len(widths)} entries; {self.height} pixels from "
                f"{self.base_height} are {len(self.heights)} modules, and each needs one."
            )
        object.__setattr__(self, "features", widths)

    def _check_ladder(self) -> None:
        doublings = len(self.heights) - 1
        if self.heights[-1] != self.height:
            possible = ", ".join(str(self.base_height * 2**i) for i in range(9))
            raise GlimpseError(
                f"network setting height is {self.height}; from base_height {self.base_height} only "
                f"{possible}, ... can be reached by doubling. Change height or base_height."
            )
        if self.width % 2**doublings:
            step = 2**doublings
            raise GlimpseError(
                f"network setting width is {self.width}; with height {self.height} it must be a multiple of "
                f"{step} so that it can be halved, such as {max(1, round(self.width / step)) * step}."
            )

    @property
    def heights(self) -> tuple[int, ...]:
        """Heights of the modules in pixels, coarsest first."""
        heights = [self.base_height]
        while heights[-1] < self.height:
            heights.append(heights[-1] * 2)
        return tuple(heights)

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of each module in pixels, coarsest first."""
        return tuple((height, self.width * height // self.height) for height in self.heights)

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.width / self.height

    def grown(self, features: int | None = None) -> NetworkConfig:
        """Return the settings of the next stage: one module more, at twice the resolution."""
        wider = features or authors_features(self.height * 2)
        return replace(self, height=self.height * 2, width=self.width * 2, features=(*self.features, wider))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `from_json` turns back into the same settings."""
        return {**asdict(self), "features": list(self.features)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> NetworkConfig:
        """Rebuild settings from `to_json`; unknown and mistyped keys are CRNErrors."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(value) - known)
        if unknown:
            raise GlimpseError(
                f"unknown network setting {unknown[0]!r}; known are {', '.join(sorted(known))}."
            )
        if "features" in value and not isinstance(value["features"], list | tuple):
            raise GlimpseError(
                f"network setting features is {value['features']!r}; it must be a list of numbers."
            )
        return cls(**{**value, "features": tuple(value.get("features", ()))})


# The networks of the paper (Chen & Koltun 2017), by the names that `train` and `import-weights` take.
PRESETS: dict[str, NetworkConfig] = {
    "cityscapes-256p": NetworkConfig(),
    "cityscapes-512p": NetworkConfig(height=512, width=1024),
    "cityscapes-1024p": NetworkConfig(height=1024, width=2048),
    "cityscapes-256p-diverse": NetworkConfig(outputs=9),
    "gta5-256p-diverse": NetworkConfig(label_set="gta5", outputs=9),
}
