"""The feature network in training against the plain one: taps, gradients, what is kept."""

import pytest
import torch

from glimpse.crn.kernels import refining
from glimpse.crn.kernels.lean_features import LeanFeatures, frozen_convolution, halve
from glimpse.crn.losses.features import FeatureNetwork, FeaturePlan, random_features

PLAN = FeaturePlan("random", ((5, 2), (6, 2), (7, 3), (5, 2), (4, 2)))


@pytest.fixture
def everywhere(monkeypatch):
    """Let small maps with few channels be computed like large ones."""
    for name in ("FEW_CHANNELS", "MANY_PIXELS"):
        monkeypatch.setattr(refining, name, 0)


def images(height=64, width=128, count=2):
    chance = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, height, width, generator=chance, dtype=torch.float64) * 255


def taps_and_gradient(network, x):
    x = x.clone().requires_grad_()
    taps = network(x)
    (gradient,) = torch.autograd.grad(sum(tap.abs().mean() for tap in taps), x)
    return [tap.detach() for tap in taps], gradient


@pytest.mark.parametrize("size", [(64, 128), (48, 80), (37, 21)])
def test_the_lean_network_sees_what_the_plain_one_sees(everywhere, size):
    plain = random_features(0, PLAN).double()
    lean = LeanFeatures(plain)
    expected, by_image = taps_and_gradient(plain, images(*size))
    found, by_image_too = taps_and_gradient(lean, images(*size))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(by_image_too, by_image)
    assert lean.name == "random"
    assert not any(value.requires_grad for value in lean.parameters())


def test_float32_keeps_its_digits():
    plan = FeaturePlan("random", ((64, 2), (64, 2), (64, 2), (64, 2), (64, 2)))
    plain = random_features(0, plan)
    single = taps_and_gradient(LeanFeatures(plain), images().float())
    exact = taps_and_gradient(random_features(0, plan).double(), images())
    for a, b in zip([*single[0], single[1]], [*exact[0], exact[1]], strict=True):
        assert (a - b).norm() / b.norm() < 1e-4


def test_mixed_precision_takes_the_plain_way(monkeypatch):
    lean = LeanFeatures(random_features(0, PLAN))
    taken = []
    monkeypatch.setattr(FeatureNetwork, "forward", lambda self, x: taken.append(x.dtype) or [x])
    with torch.autocast("cpu", torch.bfloat16):
        lean(images().float())
    assert taken == [torch.float32]
    lean(images().float())
    assert len(taken) == 1


def test_gradients_against_differences(everywhere):
    chance = torch.Generator().manual_seed(1)
    x, kernel, bias = (
        torch.randn(shape, generator=chance, dtype=torch.float64) for shape in ((1, 2, 8, 4), (3, 2, 3, 3), 3)
    )
    assert torch.autograd.gradcheck(lambda y: frozen_convolution(y, kernel, bias), x.requires_grad_())
    odd = torch.randn(2, 2, 5, 7, generator=chance, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(halve, odd)
