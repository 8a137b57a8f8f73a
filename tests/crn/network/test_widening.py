"""Networks that are widened give the same images, and learn with all of their features."""

import numpy as np
import pytest
import torch

from glimpse.crn.data.labels import one_hot
from glimpse.crn.network.config import NetworkConfig
from glimpse.crn.network.model import CRN
from glimpse.crn.network.widening import widened
from glimpse.errors import GlimpseError

CONFIG = NetworkConfig("crn", "cityscapes", 20, 16, 32, outputs=2, features=(8, 6, 4))


@pytest.fixture
def small():
    chance = torch.Generator().manual_seed(3)
    model = CRN(CONFIG, chance)
    with torch.no_grad():
        for value in model.parameters():  # scales, shifts and biases too
            value.add_(0.1 * torch.randn(value.shape, generator=chance))
    return model


@pytest.fixture
def labels():
    return one_hot(np.random.default_rng(1).integers(0, 20, (1, 16, 32)), 20)


@pytest.mark.parametrize("features", [(8, 6, 4), (16, 6, 4), (8, 18, 4), (8, 6, 12), (24, 12, 8)])
def test_the_images_are_the_same(small, labels, features):
    wide = widened(small, features, torch.Generator().manual_seed(0))
    assert wide.config.features == features
    with torch.no_grad():
        assert wide(labels) == pytest.approx(small(labels), abs=2e-3)  # grey levels


def test_copies_learn_different_things(small, labels):
    wide = widened(small, (16, 12, 8), torch.Generator().manual_seed(0))
    wide(labels).square().mean().backward()
    for name, value in wide.named_parameters():
        if "conv" in name:
            one, other = value.grad[::2], value.grad[1::2]  # of two copies
            assert (one - other).abs().mean() > 0.01 * one.abs().mean(), name


@pytest.mark.parametrize("features", [(16, 12), (8, 6, 6), (4, 6, 4), (16, 12, 8, 4)])
def test_only_whole_multiples(small, features):
    with pytest.raises(GlimpseError, match="the weights have 8,6,4, and a network grows by whole multiples"):
        widened(small, features)
