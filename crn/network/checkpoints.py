"""Weights with the settings that rebuild their network.

One safetensors file holds both: its metadata has, as JSON under the key "glimpse", the network's settings,
the names of its classes, and notes (where the weights come from). `<name>.json` beside it is a copy to be
read by people; it is never read back. Nothing in such a file can run code, unlike a pickle (.pth, .pt, .pkl),
which is never opened here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from glimpse.errors import GlimpseError
from glimpse.files import file_digest, write_json, write_whole

from ..data.labels import BUNDLED, bundled_label_set
from .config import NetworkConfig
from .model import CRN

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

WEIGHTS_FOLDER = Path(__file__).parents[1] / "weights"
KEY = "glimpse"
SCHEMA_VERSION = 1


class WeightsError(GlimpseError):
    """A weights file that is missing, damaged, dangerous or of another network."""


def _build_pix2pix(config: NetworkConfig) -> nn.Module:
    from .pix2pix import build_generator  # imported here, since it imports this package's other files

    generator: nn.Module = build_generator(config)
    return generator


# The settings' `architecture` -> what builds it. Each takes one-hot label maps (N, classes, H, W) and returns
# images (N, k, 3, H, W), RGB, 0 to 255.
ARCHITECTURES: dict[str, Callable[[NetworkConfig], nn.Module]] = {"crn": CRN, "pix2pix": _build_pix2pix}


@dataclass(frozen=True)
class WeightsSettings:
    """What a weights file says about itself."""

    config: NetworkConfig
    class_names: tuple[str, ...]  # in channel order
    notes: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that stands in the file's metadata."""
        return {
            "schema_version": SCHEMA_VERSION,
            "network": self.config.to_json(),
            "class_names": list(self.class_names),
            "notes": self.notes,
        }


@dataclass(frozen=True)
class Weights:
    """A network in evaluation mode with its settings and where it came from."""

    model: nn.Module
    settings: WeightsSettings
    path: Path
    sha256: str

    @property
    def config(self) -> NetworkConfig:
        """The network's settings."""
        return self.settings.config

    @property
    def name(self) -> str:
        """The file's name without its suffix: the default name of the condition."""
        return self.path.stem


def build(config: NetworkConfig) -> nn.Module:
    """Build the (randomly initialised) network of any known architecture."""
    if config.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise GlimpseError(f"network setting architecture is {config.architecture!r}; known are {known}.")
    return ARCHITECTURES[config.architecture](config)


def save_weights(
    path: Path | str,
    model: nn.Module,
    config: NetworkConfig,
    notes: dict[str, Any] | None = None,
    *,
    class_names: tuple[str, ...] | None = None,
    dtype: torch.dtype | None = None,
) -> Path:
    """Write a network and its settings to `path` (.safetensors), and the settings beside it as .json.

    `class_names` may be left out for a bundled label set. `dtype` (such as torch.float16) stores the weights
    in another type than the model has; integers stay. The same weights give the same bytes.
    """
    path = Path(path).with_suffix(".safetensors")
    names = class_names or _bundled_names(config)
    if len(names) != config.classes:
        raise GlimpseError(f"class_names has {len(names)} entries; the network has {config.classes} classes.")
    settings = WeightsSettings(config, names, notes or {})
    tensors = {}
    for name, value in model.state_dict().items():
        kept = value.detach().cpu().contiguous()
        tensors[name] = kept.to(dtype) if dtype is not None and kept.is_floating_point() else kept.clone()
    write_whole(path, save(tensors, {KEY: json.dumps(settings.to_json(), sort_keys=True)}))
    write_json(path.with_suffix(".json"), settings.to_json())
    return path


def _bundled_names(config: NetworkConfig) -> tuple[str, ...]:
    if config.label_set not in BUNDLED:
        raise GlimpseError(
            f"label set {config.label_set!r} is not a bundled one; give class_names with the weights."
        )
    return bundled_label_set(config.label_set).classes


def bundled_weights() -> dict[str, Path]:
    """Map the names of the networks that come with Glimpse to their files."""
    return {path.stem: path for path in sorted(WEIGHTS_FOLDER.glob("*.safetensors")) if _is_network(path)}


def _is_network(path: Path) -> bool:
    try:
        with safe_open(path, "pt") as file:
            return KEY in (file.metadata() or {})  # feature networks stand in the same folder
    except SafetensorError:
        return True  # damaged: let whoever asks for it be told so


def find_weights(name_or_file: Path | str) -> Path:
    """Return the file of bundled weights by name, or the file itself; WeightsError when there is neither."""
    bundled = bundled_weights()
    if str(name_or_file) in bundled:
        return bundled[str(name_or_file)]
    path = Path(name_or_file)
    if not path.is_file():
        names = ", ".join(bundled) or "none yet"
        raise WeightsError(f"{path}: no such weights file; bundled weights are {names}.")
    return path


def read_settings(name_or_file: Path | str) -> WeightsSettings:
    """Read what a weights file says about itself, without its weights."""
    path = find_weights(name_or_file)
    _refuse_pickles(path)
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(KEY)
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from None
    if text is None:
        raise WeightsError(
            f"{path}: has no Glimpse settings in it, so its network is unknown. "
            "Convert weights of other programs with `import-weights`."
        )
    try:
        value = json.loads(text)
        if value["schema_version"] != SCHEMA_VERSION:
            raise WeightsError(
                f"{path}: has schema_version {value['schema_version']!r}; only {SCHEMA_VERSION} is read."
            )
        return WeightsSettings(
            NetworkConfig.from_json(value["network"]), tuple(value["class_names"]), value["notes"]
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{path}: its settings cannot be read ({type(error).__name__}: {error})."
        ) from None
    except WeightsError:
        raise
    except GlimpseError as error:
        raise WeightsError(f"{path}: {error}") from None


def load_weights(
    name_or_file: Path | str, *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Weights:
    """Rebuild a network from bundled weights by name, or from a file; every tensor is checked.

    Raises WeightsError for a truncated file, a pickle (which is not opened), and weights of another width.
    """
    path = find_weights(name_or_file)
    settings = read_settings(path)
    with torch.device("meta"):
        model = build(settings.config)
    try:
        with safe_open(path, "pt", device=device) as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from None
    _check_tensors(path, state, model.state_dict())
    for name, value in state.items():
        state[name] = value.to(dtype) if value.is_floating_point() else value
    model.load_state_dict(state, assign=True)
    return Weights(model.eval(), settings, path, file_digest(path))


def _refuse_pickles(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] in {b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"}:
        raise WeightsError(
            f"{path}: is a pickle (as .pth and .pt files are), which can run code when opened; it was not "
            "opened. Use a .safetensors file; `import-weights` converts pix2pix .pth files safely."
        )


def _damaged(path: Path, error: Exception) -> WeightsError:
    size = path.stat().st_size
    return WeightsError(
        f"{path}: is truncated or not a safetensors file ({size} bytes; {error}). "
        "Copy or download it again; compare its size."
    )


def _check_tensors(path: Path, found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise WeightsError(f"{path}: lacks tensor {name}, which its settings ask for.")
        if name not in expected:
            raise WeightsError(f"{path}: has tensor {name}, which a network of its settings does not have.")
        have, need = tuple(found[name].shape), tuple(expected[name].shape)
        if have != need:
            raise WeightsError(
                f"{path}: tensor {name} has shape {have}, but its settings ask for {need}; these are weights "
                "of another width, label set or number of outputs."
            )
        if found[name].is_floating_point() and not bool(torch.isfinite(found[name]).all()):
            raise WeightsError(
                f"{path}: tensor {name} has values that are not finite; the training diverged."
            )
