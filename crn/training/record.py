"""What a training run leaves on disk: its state, its weights, a log, and grids of samples."""

from __future__ import annotations

import csv
import errno
import io
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from glimpse.errors import GlimpseError
from glimpse.files import naming, write_whole

from ..network.config import NetworkConfig
from .schedule import Position, TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STATE_FORMAT = 1
COLUMNS = (
    "stage", "height", "step", "total", "epoch", "loss", "input", "conv1_2", "conv2_2", "conv3_2", "conv4_2",
    "conv5_2", "l1", "gan", "discriminator", "held_out", "learning_rate", "seconds",
)  # fmt: skip


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write a run's state, whole or not at all; on GlimpseError (a full disk) the file before it stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save({"format": STATE_FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except (OSError, RuntimeError) as error:
        Path(name).unlink(missing_ok=True)
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        reason = "the disk is full" if full else str(error)
        raise GlimpseError(
            f"{path}: {reason}. The checkpoint before this one is unharmed: "
            "make room, then go on with --resume."
        ) from None
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_state(path: Path) -> dict[str, Any]:
    """Read a run's state; GlimpseError when there is none or it is damaged."""
    if not path.is_file():
        raise GlimpseError(
            f"{path}: no such checkpoint. Train without --resume first, or check --out and --name."
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - torch raises many kinds for a damaged file
        raise GlimpseError(
            f"{path}: not a training checkpoint, or damaged ({type(error).__name__})."
        ) from None
    if not isinstance(state, dict) or state.get("format") != STATE_FORMAT:
        raise GlimpseError(f"{path}: not a training checkpoint of this version.")
    return state


# What a run's checkpoint holds in any version that can be resumed, and as what.
PARTS = {"settings": dict, "about": dict, "place": dict, "window": list, "seconds": float, "learner": dict}


def read_run(path: Path) -> dict[str, Any]:
    """Read the state that `--resume` goes on from; GlimpseError says which part cannot be understood."""
    state = read_state(path)
    with understood(path):
        for name, kind in PARTS.items():
            if not isinstance(state[name], kind):
                raise GlimpseError(f"{name!r} is {state[name]!r}")
        TrainingSettings.from_json(state["settings"])
        NetworkConfig.from_json(state["learner"]["config"])
        Position(**state["place"])
    return state


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a checkpoint's parts are read into an error that names the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, GlimpseError) as error:
        found = f"lacks {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise GlimpseError(
            f"{path}: not a training checkpoint that this version can read ({found}). Train anew under "
            "another --name; --weights FILE starts from the weights beside it."
        ) from None


def check_free(folder: Path, name: str = "") -> None:
    """Refuse a folder that holds a run's checkpoint, or files that the run called `name` would overwrite."""
    if (state := folder / "latest.pt").exists():
        raise GlimpseError(
            f"{state}: exists already. Go on with --resume, or choose another --name or --out."
        )
    for file in (f"{name}.safetensors", f"{name}.json", "log.csv") if name else ():
        if (folder / file).exists():
            raise GlimpseError(
                f"{folder / file}: exists already. Choose another --name or --out, or move the folder away."
            )


class Log:
    """`log.csv`, a row every so many updates, and TensorBoard's files where it is installed."""

    def __init__(self, folder: Path, total: int):
        """Open the log of `folder`; rows of updates after `total` (done again after a kill) are dropped."""
        self.path = folder / "log.csv"
        self._board = _tensorboard(folder)
        self._write(self.read(total))

    def read(self, total: int) -> list[dict[str, str]]:
        """Return the rows up to an update, by column."""
        if not self.path.is_file() or total == 0:
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if row.get("seconds") and int(row["total"]) <= total]

    def _write(self, rows: list[dict[str, str]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(self.path, text.getvalue())

    def add(self, row: dict[str, Any]) -> None:
        """Append one row."""
        shown = {
            key: f"{value:.6g}" if isinstance(value, float) else str(value) for key, value in row.items()
        }
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore").writerow(shown)
        if self._board:
            for key, value in row.items():
                if isinstance(value, float):
                    self._board.add_scalar(key, value, row["total"])

    def close(self) -> None:
        """Finish TensorBoard's file."""
        if self._board:
            self._board.close()


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"))


def sample_grid(label_images: Sequence[np.ndarray], outputs: Tensor, photos: Tensor) -> Image.Image:
    """Lay out label map | output (the first of k, up to three) | photo, a row a sample.

    `label_images`: (H, W, 3) uint8; `outputs`: (N, k, 3, H, W) and `photos`: (N, 3, H, W) in grey levels.
    """
    rows = []
    for label, images, photo in zip(label_images, outputs, photos, strict=True):
        cells = [label, *(_bytes(image) for image in images[:3]), _bytes(photo)]
        rows.append(np.concatenate(cells, axis=1))
    return Image.fromarray(np.concatenate(rows, axis=0))


def _bytes(image: Tensor) -> np.ndarray:
    return image.clamp(0, 255).round().byte().permute(1, 2, 0).numpy()


def write_image(path: Path, image: Image.Image) -> None:
    """Write a PNG whole."""
    data = io.BytesIO()
    image.save(data, "PNG")
    write_whole(path, data.getvalue())
