"""What `train` is asked for, and what an interrupted run was asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from glimpse.errors import GlimpseError

from .record import read_run, understood
from .schedule import Stage
from .sources import DataRequest


@dataclass(frozen=True)
class Request:
    """What `train` was asked for; stored with the checkpoint, so that resuming needs only its name."""

    name: str = "scenes-crn"
    out: str = "training"
    source: DataRequest = field(default_factory=DataRequest)
    architecture: str = "crn"
    loss: str = "features"
    outputs: int = 1
    preset: str = "small"
    stages: tuple[Stage, ...] = ()  # empty: the preset's
    widths: tuple[int, ...] = ()  # empty: the preset's
    features: str = "small"
    features_file: str = ""
    download_features: bool = False
    weights: str = ""  # start from these
    half: bool = False  # store the weights in half precision
    device: str = "cpu"
    threads: int = 0  # 0: as torch chooses
    minutes: float = 0.0  # stop, resumably, after so long; 0: never
    workers: int | None = None  # threads that read samples ahead; None: 4 for a GPU, 0 for a processor
    # Fields of TrainingSettings that differ from the preset's.
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the run lives."""
        return Path(self.out) / self.name

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `from_json` turns back into the same request."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Request:
        """Rebuild a request."""
        unknown = sorted(set(values) - {entry.name for entry in fields(cls)})
        if unknown:
            raise GlimpseError(f"unknown training option {unknown[0]!r}.")
        stages = tuple(
            Stage(**{**s, "trained_heights": tuple(s["trained_heights"])}) for s in values["stages"]
        )
        source = DataRequest(**values["source"])
        return cls(**{**values, "source": source, "stages": stages, "widths": tuple(values["widths"])})


def resumed_request(name: str, out: str, **changes: Any) -> Request:
    """Return the request of an earlier run; `changes` are what may differ: device, threads, minutes, data."""
    path = Path(out) / name / "latest.pt"
    about = read_run(path)["about"]
    with understood(path):
        stored = Request.from_json(about["request"])
        _check_kinds(stored)
        if stored.source.data.startswith("pairs:") and not stored.source.label_set:
            # Earlier versions read pairs as Cityscapes where nobody said otherwise.
            stored = replace(stored, source=replace(stored.source, label_set=about["label_set"]))
    return replace(stored, name=name, out=out, **changes)


def _check_kinds(stored: Request) -> None:
    """Refuse values of a stored request that are of another kind than the usual ones."""
    usual = Request()
    found = {**vars(stored.source), **vars(stored)}
    for name, default in {**vars(usual.source), **vars(usual)}.items():
        kind = int | float if isinstance(default, float) else type(default)
        if default is not None and not isinstance(found[name], kind):
            raise GlimpseError(f"{name!r} is {found[name]!r}")
