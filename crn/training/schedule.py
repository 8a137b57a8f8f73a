"""What a training run does: its stages, its loss and its settings; the supplement's schedule by name."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from glimpse.errors import GlimpseError

from ..losses.losses import KINDS as LOSSES

PRECISIONS = ("float32", "bfloat16")
BALANCES = ("authors", "alike")
DECAYS = ("late", "cosine")


@dataclass(frozen=True)
class Stage:
    """Training at one resolution. A stage of twice the height of the one before adds a module."""

    height: int  # pixels
    width: int
    epochs: float  # passes over the training photographs; fractions are fine
    trained_heights: tuple[int, ...] = ()  # modules that learn; the head always does; empty: all
    features: int | None = None  # of the module that this stage adds; None: as published

    def __post_init__(self) -> None:
        """Check sizes and length."""
        if self.height < 1 or self.width < 1 or not 0 < self.epochs < math.inf:
            raise GlimpseError(
                f"stage {self.height}x{self.width} for {self.epochs} epochs: sizes start at 1 pixel "
                "and a stage lasts more than 0 epochs."
            )


# The supplement's schedule for street scenes: 256p; one module more; the last. What learns in the last stage
# is as in the authors' code ("due to memory").
PAPER_STAGES = (
    Stage(256, 512, 200),
    Stage(512, 1024, 20),
    Stage(1024, 2048, 5, trained_heights=(512, 1024)),
)


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained; stored with its checkpoints, so that `--resume` needs nothing else."""

    stages: tuple[Stage, ...]
    loss: str = "features"
    features: str = "small"  # name of the feature network
    balance: str = "alike"  # the paper's rule; "authors": the constants that it found for VGG-19
    emphasis: tuple[float, ...] = (
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
    )  # factor of each tap: input, conv1_2 ... conv5_2
    rescale_epoch: float = 100.0  # of the first stage: when the paper's rule sets the weights anew
    learning_rate: float = 1e-4
    final_learning_rate: float = (
        1e-4  # where the last stage's second half ends; equal: constant, as published
    )
    decay: str = "late"  # linear, in the last stage's second half; "cosine": over the whole last stage
    batch: int = 1  # samples an update, over all processes
    mirror: bool = False  # show half of the samples mirrored
    zoom: float = 1.0  # photographs are loaded so much larger, and a random window of the stage's size is cut
    window: tuple[
        int, ...
    ] = ()  # (height, width) in pixels in which the loss compares features; (): everywhere
    average: float = 0.0  # share of the past in the moving average of the weights that is published; 0: none
    precision: str = "float32"
    recompute: bool = False  # gradient checkpointing: less memory, a third more time
    cache_mb: int = 2048  # memory for the photographs' features; 0: compute them anew each time
    seed: int = 0
    save_minutes: float = 5.0
    sample_steps: int = 500
    log_steps: int = 20
    options: dict[str, Any] = field(default_factory=dict)  # of the baseline: l1_weight, ...

    def __post_init__(self) -> None:
        """Check every field."""
        if not self.stages:
            raise GlimpseError("training needs at least one stage.")
        for name, value, allowed in (
            ("loss", self.loss, (*LOSSES, "gan")),
            ("balance", self.balance, BALANCES),
            ("precision", self.precision, PRECISIONS),
            ("decay", self.decay, DECAYS),
        ):
            if value not in allowed:
                raise GlimpseError(
                    f"training setting {name} is {value!r}; it must be one of {', '.join(allowed)}."
                )
        if self.batch < 1:
            raise GlimpseError(f"training setting batch is {self.batch}; it must be at least 1.")
        for name, rate in (
            ("learning_rate", self.learning_rate),
            ("final_learning_rate", self.final_learning_rate),
        ):
            if not 0 < rate < math.inf:
                raise GlimpseError(f"training setting {name} is {rate}; it must be a number above 0.")
        if len(self.emphasis) != 6 or not all(0 <= value < math.inf for value in self.emphasis):
            raise GlimpseError(
                f"training setting emphasis is {list(self.emphasis)}; it needs six numbers from 0."
            )
        _check_windows(self.zoom, self.window, self.average)
        for small, tall in zip(self.stages[:-1], self.stages[1:], strict=True):
            if tall.height != 2 * small.height or tall.width != 2 * small.width:
                raise GlimpseError(
                    f"stage {tall.height}x{tall.width} follows {small.height}x{small.width}; "
                    "each stage must double the one before."
                )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `from_json` turns back into the same settings."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrainingSettings:
        """Rebuild settings; unknown keys are CRNErrors."""
        unknown = sorted(set(values) - {entry.name for entry in fields(cls)})
        if unknown:
            raise GlimpseError(f"unknown training setting {unknown[0]!r}.")
        stages = tuple(
            Stage(**{**stage, "trained_heights": tuple(stage.get("trained_heights", ()))})
            for stage in values["stages"]
        )
        pairs = {"emphasis": tuple(values["emphasis"]), "window": tuple(values.get("window", ()))}
        return cls(**{**values, "stages": stages, **pairs})


def _check_windows(zoom: float, window: tuple[int, ...], average: float) -> None:
    if not 1 <= zoom <= 4:
        raise GlimpseError(f"training setting zoom is {zoom}; it must be between 1 and 4.")
    if not 0 <= average < 1:
        raise GlimpseError(f"training setting average is {average}; it must be at least 0 and less than 1.")
    if window and (len(window) != 2 or min(window) < 16):
        raise GlimpseError(
            f"training setting window is {list(window)}; a height and a width from 16 pixels are needed."
        )


@dataclass(frozen=True)
class Position:
    """Where a run stands: which stage, and how many updates of it are done."""

    stage: int
    step: int  # updates within the stage
    total: int  # updates since the start


def stage_steps(stage: Stage, samples: int, batch: int) -> int:
    """Return the updates of a stage: epochs times samples over batch, at least one."""
    return max(1, round(stage.epochs * samples / batch))


def learning_rate(settings: TrainingSettings, place: Position, steps: int) -> float:
    """Return an update's rate: constant, then down to the final one in the last stage, as `decay` says."""
    if place.stage < len(settings.stages) - 1:
        return settings.learning_rate
    if settings.decay == "cosine":
        left = (1 + math.cos(math.pi * place.step / steps)) / 2
        return settings.final_learning_rate + left * (settings.learning_rate - settings.final_learning_rate)
    late = max(0.0, 2 * place.step / steps - 1)
    return settings.learning_rate + late * (settings.final_learning_rate - settings.learning_rate)
