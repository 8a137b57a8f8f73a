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
from ..losses.features import TAPS
from ..losses.losses import Balance, Terms, authors_divisors, diversity, feature_matching, image_space
from ..network.model import CRN, label_pyramid, to_images, wide_head
from .averaging import MovingAverage
from .feeding import window_at

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

    device: torch.device

    @property
    def config(self) -> NetworkConfig:
        """The settings of the network as it is now."""
        ...

    @property
    def model(self) -> nn.Module:
        """The network as it is published: averaged, where that was asked for."""
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

    def measure(self, batch: Minibatch, feeder: Feeder) -> float:
        """Return the published network's loss on samples that it need not have seen; learns nothing."""
        ...

    def render(self, labels: Tensor) -> Tensor:
        """Return images (N, k, 3, H, W) in grey levels for looking at."""
        ...

    def end_epoch(self, epoch: int, stage: int) -> bool:
        """Do what an epoch's end asks for; returns whether the loss has another scale from here on."""
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
    return to_images(wide_head(network.head, features), network.config.outputs)


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


def numbers_of(own: Tensor, summed: Tensor, batch: Minibatch) -> list[float]:
    """Wait for the device, once; return `summed`, whose first is the loss over all processes.

    Raises NotFiniteError, naming the samples, unless that is a number; `own` is this process's part of it.
    """
    values: list[float] = summed.tolist()
    if not math.isfinite(values[0]):
        check_finite(float(own), values[0], batch)
    return values


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
        self.average: MovingAverage[CRN] | None = None
        self._generator = torch.Generator().manual_seed(settings.seed + 1)

    @property
    def model(self) -> nn.Module:
        """The network, averaged where that was asked for."""
        return self.average.network if self.average else self.network

    @property
    def config(self) -> NetworkConfig:
        """The settings of the network as it is now."""
        return self.network.config

    def start_stage(self, stage: Stage, first: bool) -> None:
        """Add a module where the stage doubles the height; choose what learns; start a fresh Adam."""
        if not first and stage.height == 2 * self.network.config.height:
            base = self.average.network if self.average else self.network
            grown = base.grown(stage.features, self._generator)
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
        self.average = MovingAverage(self.network, self.settings.average) if self.settings.average else None
        self.parameters = [value for value in self.network.parameters() if value.requires_grad]
        self.optimizer = torch.optim.Adam(self.parameters, lr=self.settings.learning_rate, fused=True)

    def prepare(self, feeder: Feeder) -> None:
        """Set the loss's divisors from neighbouring photographs, the same in every process."""
        if self.settings.loss == "image" or self.features is None:
            return
        if self.settings.balance == "authors":
            config = self.network.config
            if len(self.features.plan.taps) != len(TAPS):
                raise GlimpseError(
                    "the authors' weights of the loss's terms (--balance authors) are for VGG-19; "
                    f"{self.features.name} has other terms. Train with --balance alike."
                )
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
        torch.autograd.backward(terms.total)
        summed = numbers_of(terms.total.detach(), sum_gradients(self.parameters, terms.numbers()), batch)
        optimizer.step()
        if self.average:
            self.average.follow(self.network)
        if terms.raw and self.balance:
            self.balance.observe(summed[1 + len(terms.parts) :])
        return dict(zip(("loss", *terms.parts), summed, strict=False))

    def _precision(self) -> torch.autocast:
        """Return the context in which networks run."""
        mixed = self.settings.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=mixed)

    def _terms(self, batch: Minibatch, feeder: Feeder) -> Terms:
        images = cascade(self.network, batch.labels, recompute=self.settings.recompute).float()
        if self.settings.window:
            return self._windowed(images, batch)
        if self.settings.loss == "image" or self.features is None:
            return image_space(images[:, 0], batch.photos, batch.share)
        return self._compared(images, batch.labels, feeder.photo_features(batch, self.features), batch.share)

    def _windowed(self, images: Tensor, batch: Minibatch) -> Terms:
        """Compare in a window of the images, which the network has made whole: an unbiased, cheaper loss."""
        whole = (images.shape[-2], images.shape[-1])
        height, width = self.settings.window
        rows, columns = window_at(batch.place, whole, (height, width))
        part, photos = images[..., rows, columns], batch.photos[..., rows, columns]
        if self.settings.loss == "image" or self.features is None:
            return image_space(part[:, 0], photos, batch.share)
        with torch.no_grad():
            target = self.features(photos.contiguous(memory_format=torch.channels_last))
        return self._compared(part, batch.labels[..., rows, columns], target, batch.share)

    def _compared(self, images: Tensor, labels: Tensor, target: list[Tensor], share: float) -> Terms:
        """Return the loss of images (N, k, 3, H, W) by features, given the photographs' taps."""
        if self.features is None or self.balance is None:
            raise GlimpseError("the loss's weights are not set: prepare comes before learn.")
        output = self.features(images.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        if self.settings.loss == "features":
            return feature_matching(output, target, self.balance.divisors, share)
        return diversity(output, target, labels, self.balance.divisors, share=share)

    @torch.no_grad()
    def measure(self, batch: Minibatch, feeder: Feeder) -> float:
        """Return the published network's loss on whole photographs."""
        with self._precision():
            images = self.model(batch.labels).float()
            if self.settings.loss == "image" or self.features is None:
                return float(image_space(images[:, 0], batch.photos, batch.share).total)
            target = feeder.photo_features(batch, self.features)
            return float(self._compared(images, batch.labels, target, batch.share).total)

    @torch.no_grad()
    def render(self, labels: Tensor) -> Tensor:
        """Return images (N, k, 3, H, W), unclipped grey levels."""
        images: Tensor = self.model(labels.to(self.device)).float().cpu()
        return images

    def end_epoch(self, epoch: int, stage: int) -> bool:
        """Apply the paper's rule once, after the configured epoch of the first stage."""
        if self.settings.balance != "alike" or (stage, epoch) != (0, self.settings.rescale_epoch):
            return False
        if self.balance:
            self.balance.rescale()
        return True

    def state_dict(self) -> dict[str, Any]:
        """Weights, Adam's moments, the loss's balance, and the generator that initialises new modules."""
        return {
            "network": self.network.state_dict(),
            "config": self.network.config.to_json(),
            "optimizer": self.optimizer.state_dict() if self.optimizer else None,
            "balance": self.balance
            and {"divisors": list(self.balance.divisors), "running": list(self.balance.running)},
            "generator": self._generator.get_state(),
            "average": self.average and self.average.state_dict(),
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
        if self.average and state.get("average"):
            self.average.load_state_dict(state["average"])
