"""One update of a refinement network: forward, loss, backward, Adam; alone or as one of several processes."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from glimpse.errors import GlimpseError

from ..kernels.lean_features import LeanFeatures
from ..kernels.refining import refine, suits
from ..losses.losses import Balance, Terms, authors_divisors, diversity, feature_matching, image_space
from ..network.model import CRN, label_pyramid, to_images

if TYPE_CHECKING:
    from ..losses.features import FeatureNetwork
    from ..network.config import NetworkConfig
    from ..network.model import RefinementModule
    from .feeding import Feeder, Minibatch
    from .schedule import Stage, TrainingSettings

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class NotFiniteError(GlimpseError):
    """The loss is not a number: training stops, and the last good checkpoint stays."""


class Learner(Protocol):
    """What the training loop needs of a method; `CRNLearner` and `Pix2PixLearner` are the two."""

    @property
    def config(self) -> NetworkConfig:
        """The settings of the network as it is now."""
        ...

    @property
    def model(self) -> nn.Module:
        """The network."""
        ...

    def start_stage(self, stage: Stage, first: bool) -> None:
        """Grow the network to the stage's size and make its optimiser."""
        ...

    def prepare(self, feeder: Feeder) -> None:
        """Look at a stage's samples before its first update; a resumed stage skips this."""
        ...

    def learn(self, batch: Minibatch, feeder: Feeder, rate: float) -> dict[str, float]:
        """Do one update; return the loss and its parts as means over the update's samples."""
        ...

    def render(self, labels: Tensor) -> Tensor:
        """Return images (N, k, 3, H, W) in grey levels for looking at."""
        ...

    def end_epoch(self, epoch: int, stage: int) -> None:
        """Do what an epoch's end asks for, such as rescaling the loss."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next update depends on."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        ...


def cascade(network: CRN, labels: Tensor, *, recompute: bool, lean: bool | None = None) -> Tensor:
    """Return the network's images; `recompute` keeps only each module's input for the backward pass.

    `lean`: run the modules by `crn.kernels.refining` (None: where that is possible) instead of as they stand.
    """
    network.check_size(labels)
    lean = suits(labels) if lean is None else lean
    features = None
    modules = network.refinements.values()
    for module, level in zip(modules, label_pyramid(labels, len(network.refinements)), strict=True):
        run = partial(refine, cast("RefinementModule", module)) if lean else module
        if recompute:
            run = partial(checkpoint, run, use_reentrant=False)
        features = run(level, features)
    return to_images(network.head(features), network.config.outputs)


def channels_last(module: ModuleT) -> ModuleT:
    """Lay a network's kernels out as CPUs and tensor cores like them; returns the network."""
    converted: ModuleT = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return converted


def processes() -> tuple[int, int]:
    """Return this process's rank and the number of processes (0, 1 without torchrun)."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def sum_gradients(parameters: list[nn.Parameter], numbers: Tensor) -> Tensor:
    """Sum gradients and `numbers` over all processes in one message; returns the summed numbers."""
    if processes()[1] == 1:
        return numbers
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([numbers.to(gradients[0]), *(gradient.flatten() for gradient in gradients)])
    torch.distributed.all_reduce(flat)
    place = numbers.numel()
    for gradient in gradients:
        gradient.copy_(flat[place : place + gradient.numel()].view_as(gradient))
        place += gradient.numel()
    return flat[: numbers.numel()]


def any_process(answer: bool) -> bool:
    """Return whether any process says yes: the same answer in all of them."""
    if processes()[1] == 1:
        return answer
    vote = torch.tensor([float(answer)])
    if torch.distributed.get_backend() == "nccl":
        vote = vote.cuda()
    torch.distributed.all_reduce(vote, torch.distributed.ReduceOp.MAX)
    return bool(vote.item())


def check_finite(own: float, overall: float, batch: Minibatch) -> None:
    """Raise NotFiniteError, naming the samples, unless the loss is a number."""
    if math.isfinite(overall):
        return
    where = ", ".join(batch.names) if not math.isfinite(own) else "a sample of another process"
    raise NotFiniteError(
        f"the loss is {overall} at sample {where}. Look at that photograph; if it is sound, lower "
        "--learning-rate or train with --precision float32. The last good checkpoint is kept."
    )


class CRNLearner:
    """Trains a refinement network with one of the losses of the paper."""

    def __init__(
        self,
        network: CRN,
        settings: TrainingSettings,
        features: FeatureNetwork | None,
        *,
        balance: Balance | None = None,
        device: str = "cpu",
    ):
        """`features`: not needed for the image-space loss; `balance`: the loss's divisors, if given."""
        if settings.loss != "image" and features is None:
            raise GlimpseError(f"the loss {settings.loss!r} needs a feature network.")
        self.device = torch.device(device)
        self.network = channels_last(network.to(self.device))
        self.settings = settings
        self.balance = balance
        self.features = features and LeanFeatures(channels_last(features.to(self.device)))
        self.optimizer: torch.optim.Adam | None = None
        self._generator = torch.Generator().manual_seed(settings.seed + 1)

    @property
    def model(self) -> nn.Module:
        """The network."""
        return self.network

    @property
    def config(self) -> NetworkConfig:
        """The settings of the network as it is now."""
        return self.network.config

    def start_stage(self, stage: Stage, first: bool) -> None:
        """Add a module where the stage doubles the height; choose what learns; start a fresh Adam."""
        if not first and stage.height == 2 * self.network.config.height:
            grown = self.network.grown(stage.features, self._generator)
            self.network = channels_last(grown.to(self.device))
        if (self.network.config.height, self.network.config.width) != (stage.height, stage.width):
            raise GlimpseError(
                f"the network makes {self.network.config.height}x{self.network.config.width}, and the stage "
                f"is {stage.height}x{stage.width}: start from weights of this size or of half of it."
            )
        if self.features and min(stage.height, stage.width) < 16:
            raise GlimpseError(
                f"stage {stage.height}x{stage.width}: the feature network halves four times and needs "
                "16 pixels a side; start with a taller stage, or use --loss image."
            )
        trained = stage.trained_heights or self.network.config.heights
        for height, module in self.network.refinements.items():
            module.requires_grad_(int(height) in trained)
        self.network.train()
        self.parameters = [value for value in self.network.parameters() if value.requires_grad]
        self.optimizer = torch.optim.Adam(self.parameters, lr=self.settings.learning_rate, fused=True)

    def prepare(self, feeder: Feeder) -> None:
        """Set the loss's divisors from neighbouring photographs, the same in every process."""
        if self.settings.loss == "image" or self.features is None:
            return
        if self.settings.balance == "authors":
            config = self.network.config
            self.balance = Balance(authors_divisors(config.height, config.label_set))
            return
        count = min(len(feeder.pairs), 24)
        places = [index * len(feeder.pairs) // count for index in range(count)]
        order = places[::2] + places[1::2]  # so that neighbours are not of one scene
        taps = []
        with self._precision():  # what is kept here must be what an update would compute
            for index in order:
                batch = feeder.batch([(index, False)], 1.0)
                taps.append(feeder.photo_features(batch, self.features))
        self.balance = Balance.between_photos(taps, self.settings.emphasis)

    def learn(self, batch: Minibatch, feeder: Feeder, rate: float) -> dict[str, float]:
        """Do one update."""
        optimizer = self.optimizer
        if optimizer is None:
            raise GlimpseError("start_stage comes before learn.")
        for group in optimizer.param_groups:
            group["lr"] = rate
        with self._precision():
            terms = self._terms(batch, feeder)
        optimizer.zero_grad()
        own = float(terms.total.detach())
        if processes()[1] == 1:
            check_finite(own, own, batch)
        torch.autograd.backward(terms.total)
        numbers = torch.tensor([own, *terms.parts.values(), *terms.raw], dtype=torch.float32)
        summed = sum_gradients(self.parameters, numbers).tolist()
        check_finite(own, summed[0], batch)
        optimizer.step()
        if terms.raw and self.balance:
            self.balance.observe(summed[1 + len(terms.parts) :])
        return dict(zip(("loss", *terms.parts), summed, strict=False))

    def _precision(self) -> torch.autocast:
        """Return the context in which networks run."""
        mixed = self.settings.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=mixed)

    def _terms(self, batch: Minibatch, feeder: Feeder) -> Terms:
        images = cascade(
            self.network, batch.labels.to(self.device), recompute=self.settings.recompute
        ).float()
        if self.settings.loss == "image":
            return image_space(images[:, 0], batch.photos.to(self.device), batch.share)
        if self.features is None or self.balance is None:
            raise GlimpseError("the loss's weights are not set: prepare comes before learn.")
        target = [tap.to(self.device) for tap in feeder.photo_features(batch, self.features)]
        output = self.features(images.flatten(0, 1))
        if self.settings.loss == "features":
            return feature_matching(output, target, self.balance.divisors, batch.share)
        return diversity(
            output, target, batch.labels.to(self.device), self.balance.divisors, share=batch.share
        )

    @torch.no_grad()
    def render(self, labels: Tensor) -> Tensor:
        """Return images (N, k, 3, H, W), unclipped grey levels."""
        images: Tensor = self.network(labels.to(self.device)).float().cpu()
        return images

    def end_epoch(self, epoch: int, stage: int) -> None:
        """Apply the paper's rule once, after the configured epoch of the first stage."""
        if (
            self.balance
            and self.settings.balance == "alike"
            and stage == 0
            and epoch == self.settings.rescale_epoch
        ):
            self.balance.rescale()

    def state_dict(self) -> dict[str, Any]:
        """Weights, Adam's moments, the loss's balance, and the generator that initialises new modules."""
        return {
            "network": self.network.state_dict(),
            "config": self.network.config.to_json(),
            "optimizer": self.optimizer.state_dict() if self.optimizer else None,
            "balance": self.balance
            and {"divisors": list(self.balance.divisors), "running": list(self.balance.running)},
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state_dict` was taken; the stage must have been started."""
        self.network.load_state_dict(state["network"])
        if self.optimizer and state["optimizer"]:
            self.optimizer.load_state_dict(state["optimizer"])
        if state["balance"]:
            divisors, running = state["balance"]["divisors"], state["balance"]["running"]
            self.balance = Balance(tuple(divisors), self.settings.emphasis, tuple(running))
        self._generator.set_state(state["generator"])
