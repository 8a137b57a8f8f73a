"""What a run starts from: a fresh network, or weights that fit the data and the first stage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from glimpse.errors import GlimpseError

from ..network.checkpoints import load_weights
from ..network.model import CRN
from ..network.pix2pix import Generator, build_generator
from ..network.widening import widened
from .learner import CRNLearner
from .pix2pix_learner import Pix2PixLearner

if TYPE_CHECKING:
    from ..losses.features import FeatureNetwork
    from ..network.config import NetworkConfig
    from .learner import Learner
    from .schedule import TrainingSettings


def build_learner(
    architecture: str,
    config: NetworkConfig,
    settings: TrainingSettings,
    features: FeatureNetwork | None,
    *,
    weights: str = "",
    widths: tuple[int, ...] = (),
    device: str = "cpu",
) -> Learner:
    """Build the network, fresh or from the file `weights`, widened to `widths`, and what trains it."""
    chance = torch.Generator().manual_seed(settings.seed)
    if architecture == "pix2pix":
        generator = initial(weights, config, widths) or build_generator(config, chance)
        return Pix2PixLearner(_expect(generator, Generator), settings, device=device)
    network = initial(weights, config, widths) or CRN(config, chance)
    return CRNLearner(_expect(network, CRN), settings, features, device=device)


def _expect(network: torch.nn.Module, kind: type[Any]) -> Any:
    if not isinstance(network, kind):
        raise GlimpseError(
            f"--weights hold a {type(network).__name__}, and --arch asks for a {kind.__name__}."
        )
    return network


def initial(weights: str, config: NetworkConfig, widths: tuple[int, ...] = ()) -> torch.nn.Module | None:
    """Load the weights to start from: of the same label set, and of the first stage's size or half of it.

    Where `widths` are stated, and others than theirs, the network is widened.
    """
    if not weights:
        return None
    found = load_weights(weights)
    if (found.config.label_set, found.config.classes) != (config.label_set, config.classes):
        raise GlimpseError(
            f"{found.path}: is for label set {found.config.label_set!r} with {found.config.classes} classes; "
            f"the data has {config.label_set!r} with {config.classes}. Choose weights of that label set."
        )
    model = found.model.requires_grad_(True)
    if isinstance(model, CRN) and found.config.outputs != config.outputs:
        model = _with_outputs(model, config.outputs)
    if found.config.architecture == config.architecture:
        model = _with_widths(model, found.config.features, widths)
    if isinstance(model, CRN) and 2 * found.config.height == config.height:
        return model.grown(config.features[-1])
    if (found.config.height, found.config.width) != (config.height, config.width):
        raise GlimpseError(
            f"{found.path}: is for {found.config.height}x{found.config.width}; the first stage is "
            f"{config.height}x{config.width}. Give a first --stage of the weights' size."
        )
    return model


def _with_widths(model: torch.nn.Module, own: tuple[int, ...], widths: tuple[int, ...]) -> torch.nn.Module:
    """Return the network, wider where widths are stated: those of more modules are for those to come."""
    wanted = widths[: len(own)] if isinstance(model, CRN) else widths
    if not widths or wanted == own:
        return model
    if not isinstance(model, CRN):
        raise GlimpseError(
            f"--widths is {','.join(map(str, widths))}; the weights have {','.join(map(str, own))}, and "
            "only a refinement network can be widened. Leave --widths out."
        )
    return widened(model, wanted, torch.Generator().manual_seed(0))


def _with_outputs(model: CRN, outputs: int) -> CRN:
    """Return the network with another number of images: all weights kept, the head's repeated and disturbed.

    Every image starts as a tint of the one that was learnt, so that none is hopeless from the start.
    """
    chance = torch.Generator().manual_seed(0)
    other = CRN(replace(model.config, outputs=outputs), chance)
    body = {name: value for name, value in model.state_dict().items() if not name.startswith("head.")}
    other.load_state_dict(body, strict=False)
    with torch.no_grad():
        # Channels go by colour first, then by image; of several images the first is repeated.
        old: Any = model.head
        new: Any = other.head
        weight = old.weight[:: model.config.outputs].repeat_interleave(outputs, 0)
        bias = old.bias[:: model.config.outputs].repeat_interleave(outputs, 0)
        noise = torch.randn(weight.shape, generator=chance) * weight.std() * 0.1
        new.weight.copy_(weight + noise)
        new.bias.copy_(bias + 0.1 * torch.randn(bias.shape, generator=chance))
    return other
