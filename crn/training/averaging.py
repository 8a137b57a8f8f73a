"""A moving average of a network's weights, which is what is published: steadier than the last update's."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Generic, TypeVar

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

Network = TypeVar("Network", bound=nn.Module)


class MovingAverage(Generic[Network]):
    """The weights of a network, averaged over the last 1 / (1 - decay) updates or so.

    Early on fewer updates count, (1 + n) / (10 + n) of the past after n of them, so that a short run is not
    held back by its initialisation (as in TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, network: Network, decay: float):
        """`decay`: share of the past in each update, 0 <= decay < 1."""
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def follow(self, network: Network) -> None:
        """Take one update's weights in."""
        past = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for mean, value in zip(self.network.parameters(), network.parameters(), strict=True):
            mean.lerp_(value, 1 - past)

    def state_dict(self) -> dict[str, Tensor | int | dict[str, Tensor]]:
        """Return the averaged weights and how many updates are in them."""
        return {"network": self.network.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, dict[str, Tensor]]) -> None:
        """Continue from `state_dict`."""
        self.network.load_state_dict(state["network"])
        self.updates = int(state["updates"])  # type: ignore[call-overload]
