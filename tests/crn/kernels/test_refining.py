"""The arithmetic of training against the plain modules: values, gradients, and what switches it on."""

import pytest
import torch
from torch.nn import functional

from glimpse.crn.kernels import refining
from glimpse.crn.kernels.normalising import normalise_activate
from glimpse.crn.kernels.refining import activated_convolution, suits, upsampled_convolution
from glimpse.crn.network.config import NetworkConfig
from glimpse.crn.network.model import CRN, SLOPE, normalise_layer
from glimpse.crn.training import learner
from glimpse.crn.training.learner import cascade


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


@pytest.fixture
def everywhere(monkeypatch):
    """Let small maps with few channels be computed like large ones."""
    for name in ("FEW_PIXELS", "FEW_CHANNELS", "MANY_PIXELS"):
        monkeypatch.setattr(refining, name, 0)


def plain_upsampled(below, labels, kernel):
    up = functional.interpolate(below, size=labels.shape[-2:], mode="bilinear", align_corners=True)
    return functional.conv2d(torch.cat([up, labels], 1), kernel, padding=1)


def plain_activated(x, scale, shift, kernel):
    x = functional.leaky_relu(normalise_layer(x, scale, shift), SLOPE)
    return functional.conv2d(x, kernel, padding=1)


@pytest.mark.parametrize(("height", "width"), [(8, 12), (24, 16), (6, 3), (2, 2), (1, 1)])
def test_gradients_before_upsampling_are_those_of_the_upsampled_map(height, width):
    below, kernel = leaves(random(2, 5, height, width), random(4, 8, 3, 3, seed=1))
    labels = random(2, 3, 2 * height, 2 * width, seed=2)
    upstream = random(2, 4, 2 * height, 2 * width, seed=3)
    expected, found = (step(below, labels, kernel) for step in (plain_upsampled, upsampled_convolution))
    torch.testing.assert_close(found, expected)
    for a, b in zip(
        torch.autograd.grad(found, (below, kernel), upstream),
        torch.autograd.grad(expected, (below, kernel), upstream),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("height", "width"), [(4, 8), (16, 24), (128, 64), (6, 8)])
def test_gradients_by_winograd_are_those_of_the_convolution(everywhere, height, width):
    inputs = leaves(random(2, 5, height, width), *(random(5, seed=i) for i in (1, 2)), random(4, 5, 3, 3))
    upstream = random(2, 4, height, width, seed=3)
    expected, found = (step(*inputs) for step in (plain_activated, activated_convolution))
    torch.testing.assert_close(found, expected)
    for a, b in zip(
        torch.autograd.grad(found, inputs, upstream),
        torch.autograd.grad(expected, inputs, upstream),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_gradients_against_differences(everywhere):
    below, kernel, labels = random(1, 3, 4, 2), random(2, 5, 3, 3, seed=1), random(1, 2, 8, 4, seed=2)
    assert torch.autograd.gradcheck(
        lambda *inputs: upsampled_convolution(inputs[0], labels, inputs[1]), leaves(below, kernel)
    )
    inputs = leaves(random(1, 2, 8, 4), *(random(2, seed=i) for i in (1, 2)), random(3, 2, 3, 3))
    assert torch.autograd.gradcheck(activated_convolution, inputs)


def test_what_is_frozen_gets_no_gradient_and_the_rest_the_same(everywhere):
    model = network()
    labels = one_hot_labels(model)
    for name, module in model.refinements.items():
        module.requires_grad_(name == "16")
    _, found = gradients(model, labels, lean=True)
    _, expected = gradients(model, labels, lean=False)
    assert set(found) == set(expected)
    assert not any(name.startswith("refinements.8") for name in found)
    for name, value in expected.items():
        assert distance(found[name], value) < 1e-3, name


@pytest.mark.parametrize("features", [(7, 6, 5), (72, 64, 70, 68, 64)])
@pytest.mark.parametrize("recompute", [False, True])
def test_a_lean_cascade_is_the_plain_one(features, recompute):
    model = network(features, width=8 * 2 ** (len(features) - 1))
    labels = one_hot_labels(model)
    images, found = gradients(model, labels, lean=True, recompute=recompute)
    plain, expected = gradients(model, labels, lean=False)
    assert (images - plain).abs().max() < 4e-3
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert distance(found[name], value) < 1e-3, name


def test_float32_on_a_cpu_is_lean_and_mixed_precision_is_not(monkeypatch):
    model = network()
    labels = one_hot_labels(model)
    taken = []
    plain = refining.refine
    monkeypatch.setattr(learner, "refine", lambda *inputs: taken.append(inputs) or plain(*inputs))
    cascade(model, labels, recompute=False)
    assert len(taken) == len(model.refinements)
    with torch.autocast("cpu", torch.bfloat16):
        cascade(model, labels, recompute=False)
    assert len(taken) == len(model.refinements)
    assert not suits(labels.bfloat16())
    assert not suits(labels.to("meta"))


def test_wide_layers_keep_their_digits():
    """512 channels, as published: Winograd's transforms lose a digit, not three."""
    shapes = ((1, 512, 32, 64), (512,), (512,), (64, 512, 3, 3))
    exact = tuple(random(*shape, seed=i) for i, shape in enumerate(shapes))
    upstream = random(1, 64, 32, 64, seed=9)
    wide, single = leaves(*exact), leaves(*(value.float() for value in exact))
    expected = torch.autograd.grad(plain_activated(*wide), wide, upstream)
    found = torch.autograd.grad(activated_convolution(*single), single, upstream.float())
    for a, b in zip(found, expected, strict=True):
        assert distance(a.double(), b) < 100 * torch.finfo(torch.float32).eps
