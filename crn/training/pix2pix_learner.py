"""pix2pix's training: generator and discriminator by turns, as `train --arch pix2pix` runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from glimpse.errors import GlimpseError

from ..network.pix2pix import Discriminator
from .learner import channels_last, numbers_of, processes, sum_gradients

if TYPE_CHECKING:
    from ..network.config import NetworkConfig
    from ..network.pix2pix import Generator
    from .feeding import Feeder, Minibatch
    from .schedule import Stage, TrainingSettings

L1_WEIGHT = 100.0
BETAS = (0.5, 0.999)
LEAST = 24  # pixels a side: from fewer, the discriminator makes no patch


class Pix2PixLearner:
    """Trains generator and discriminator by turns: GAN loss and 100 x L1, Adam with beta1 0.5."""

    def __init__(self, network: Generator, settings: TrainingSettings, *, device: str = "cpu"):
        self.device = torch.device(device)
        self.network = channels_last(network.to(self.device))
        self.settings = settings
        widths, size = network.config.features, (network.config.height, network.config.width)
        if min(size) < LEAST:
            raise GlimpseError(
                f"--stage is {size[0]}x{size[1]}; pix2pix's discriminator needs {LEAST} pixels a side."
            )
        chance = torch.Generator().manual_seed(settings.seed + 1)
        self.discriminator = channels_last(
            Discriminator(network.config.classes, widths[0], chance).to(self.device)
        )
        self.l1_weight = float(settings.options.get("l1_weight", L1_WEIGHT))
        self.updates = 0

    @property
    def model(self) -> nn.Module:
        """The generator."""
        return self.network

    @property
    def config(self) -> NetworkConfig:
        """The generator's settings."""
        return self.network.config

    def start_stage(self, stage: Stage, first: bool) -> None:  # noqa: ARG002 - the U-Net never grows
        """Make both optimisers."""
        config = self.network.config
        if (config.height, config.width) != (stage.height, stage.width):
            raise GlimpseError(
                f"pix2pix trains at one size, {config.height}x{config.width}; the stage is "
                f"{stage.height}x{stage.width}. Give one stage."
            )
        self.network.train()
        rate = self.settings.learning_rate
        self.optimizers = [
            torch.optim.Adam(module.parameters(), lr=rate, betas=BETAS, fused=True)
            for module in (self.network, self.discriminator)
        ]

    def prepare(self, feeder: Feeder) -> None:
        """Nothing to look at."""

    def end_epoch(self, epoch: int, stage: int) -> bool:  # noqa: ARG002
        """Nothing to change."""
        return False

    def learn(self, batch: Minibatch, feeder: Feeder, rate: float) -> dict[str, float]:  # noqa: ARG002
        """Update the discriminator, then the generator."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        labels, real = batch.labels, batch.photos / 127.5 - 1
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            fake = torch.cat([self._generate(labels, row) for row in range(len(labels))])
            judged = self._discriminate(labels, torch.cat([fake.detach(), real]), batch.share)
        self._apply(1, judged, judged, batch)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            verdict = self.discriminator(torch.cat([labels, fake], 1)).float()
        fooled = _bce(verdict, real=True) * batch.share
        l1 = (fake - real).abs().mean((1, 2, 3)).sum() * batch.share
        total = fooled + self.l1_weight * l1
        numbers = self._apply(0, total, torch.stack([total, l1 * self.l1_weight, fooled, judged]), batch)
        self.updates += 1
        return dict(zip(("loss", "l1", "gan", "discriminator"), numbers, strict=True))

    def _generate(self, labels: Tensor, row: int) -> Tensor:
        """Return one sample's image, (1, 3, H, W) in [-1, 1].

        Dropout's noise is a function of the update and of the sample's place in it: resuming repeats it, and
        several processes draw what one would.
        """
        rank, world = processes()
        with torch.random.fork_rng(devices=[] if self.device.type == "cpu" else None):
            seed = np.random.SeedSequence([self.settings.seed, self.updates, rank + row * world])
            torch.manual_seed(int(seed.generate_state(1)[0]))
            image: Tensor = self.network(labels[row : row + 1])[:, 0].float() / 127.5 - 1
        return image

    def _discriminate(self, labels: Tensor, images: Tensor, share: float) -> Tensor:
        count = len(labels)
        verdict = self.discriminator(torch.cat([labels.repeat(2, 1, 1, 1), images], 1)).float()
        return 0.5 * share * (_bce(verdict[:count], real=False) + _bce(verdict[count:], real=True))

    def _apply(self, which: int, loss: Tensor, numbers: Tensor, batch: Minibatch) -> list[float]:
        """Backward and one step of one optimiser, over all processes; returns the summed `numbers`."""
        optimizer = self.optimizers[which]
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        parameters = [value for group in optimizer.param_groups for value in group["params"]]
        summed = numbers_of(loss.detach(), sum_gradients(parameters, numbers.detach().reshape(-1)), batch)
        optimizer.step()
        return summed

    @torch.no_grad()
    def measure(self, batch: Minibatch, feeder: Feeder) -> float:  # noqa: ARG002
        """Return the generator's L1 term, without dropout: what its adversary says of others means little."""
        self.network.eval()
        fake = self.network(batch.labels)[:, 0].float() / 127.5 - 1
        self.network.train()
        l1 = (fake - (batch.photos / 127.5 - 1)).abs().mean((1, 2, 3)).sum() * batch.share
        return float(l1 * self.l1_weight)

    @torch.no_grad()
    def render(self, labels: Tensor) -> Tensor:
        """Return images (N, 1, 3, H, W) in grey levels, without dropout."""
        self.network.eval()
        images: Tensor = self.network(labels.to(self.device)).float().cpu()
        self.network.train()
        return images

    def state_dict(self) -> dict[str, Any]:
        """Both networks, both optimisers, the number of updates."""
        return {
            "network": self.network.state_dict(),
            "config": self.network.config.to_json(),
            "discriminator": self.discriminator.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state_dict` was taken."""
        self.network.load_state_dict(state["network"])
        self.discriminator.load_state_dict(state["discriminator"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.updates = state["updates"]


def _bce(logits: Tensor, *, real: bool) -> Tensor:
    """Binary cross-entropy against all real or all fake: the mean over patches, summed over samples."""
    return functional.softplus(-logits if real else logits).mean((1, 2, 3)).sum()
