"""The arithmetic of training against the plain modules: values, gradients, and what switches it on."""

import pytest
import torch
from torch.nn import functional

from crn.config import NetworkConfig
from crn.learner import cascade
from crn.model import CRN, SLOPE, normalise_layer
from crn.normalising import normalise_activate


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def leaves(*tensors):
    return tuple(tensor.clone().requires_grad_() for tensor in tensors)


def network(features=(7, 6, 5), classes=4, outputs=2, width=32):
    """A network whose scales and shifts are not those of the initialisation; channels-last."""
    chance = torch.Generator().manual_seed(0)
    config = NetworkConfig(
        label_set="test", classes=classes, height=4 * 2 ** (len(features) - 1), width=width,
        features=features, outputs=outputs,
    )  # fmt: skip
    model = CRN(config, chance).to(memory_format=torch.channels_last)
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim == 1:
                value.add_(torch.randn(value.shape, generator=chance) * 0.3)
    return model


def one_hot_labels(model, count=2):
    chance = torch.Generator().manual_seed(1)
    config = model.config
    ids = torch.randint(config.classes, (count, config.height, config.width), generator=chance)
    return functional.one_hot(ids, config.classes).permute(0, 3, 1, 2).float()


def gradients(model, labels, **options):
    """Images, and the gradients of their distance from a fixed noise."""
    images = cascade(model, labels, recompute=options.pop("recompute", False), **options)
    target = torch.rand(images.shape, generator=torch.Generator().manual_seed(2)) * 255
    model.zero_grad()
    (images - target).abs().mean().backward()
    return images.detach(), {
        name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None
    }


def distance(found, expected):
    """Relative L2 distance."""
    return float((found - expected).norm() / expected.norm())


def test_normalisation_and_activation_have_the_right_gradients():
    inputs = leaves(random(2, 3, 4, 6) + 0.5, random(3, seed=1), random(3, seed=2))
    expected = functional.leaky_relu(normalise_layer(*inputs), SLOPE)
    torch.testing.assert_close(normalise_activate(*inputs), expected)
    assert torch.autograd.gradcheck(normalise_activate, inputs)


@pytest.mark.parametrize("mean", [0.0, 300.0])
def test_normalisation_keeps_its_digits(mean):
    exact = (random(1, 8, 64, 64) + mean, random(8, seed=1), random(8, seed=2))
    upstream = random(1, 8, 64, 64, seed=3)
    wide, single = leaves(*exact), leaves(*(value.float() for value in exact))
    expected = torch.autograd.grad(functional.leaky_relu(normalise_layer(*wide), SLOPE), wide, upstream)
    found = torch.autograd.grad(normalise_activate(*single), single, upstream.float())
    for a, b in zip(found, expected, strict=True):
        assert distance(a.double(), b) < (1e-6 if mean == 0 else 1e-3)


def test_a_lean_cascade_is_the_plain_one():
    model = network()
    labels = one_hot_labels(model)
    images, found = gradients(model, labels, lean=True)
    plain, expected = gradients(model, labels, lean=False)
    assert (images - plain).abs().max() < 4e-3
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert distance(found[name], value) < 1e-4, name
