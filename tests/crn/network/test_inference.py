"""Strips against the plain operations that they replace, and rendering against the module."""

import importlib
import os

import numpy as np
import pytest
import torch
from torch.nn import functional

from glimpse import crn
from glimpse.crn.data.labels import one_hot
from glimpse.crn.kernels.strips import (
    FeatureMap,
    Moments,
    Scratch,
    add_labels,
    direct,
    label_weights,
    tap_weights,
    upsampled_taps,
    winograd,
    winograd_kernel,
)
from glimpse.crn.network.config import NetworkConfig
from glimpse.crn.network.model import CRN, to_images
from glimpse.crn.synthesis.inference import Cascade, Renderer, to_bytes
from glimpse.errors import GlimpseError

CHANCE = torch.Generator().manual_seed(3)
WIDE = NetworkConfig(height=64, width=128, features=(16, 16, 72, 68, 64), outputs=3)


def random(*shape):
    return torch.randn(*shape, generator=CHANCE)


def rounding(expected, dtype=torch.float32, units=1):
    """Return so many units in the last place of the largest number."""
    return units * torch.finfo(dtype).eps * float(expected.abs().max())


def gathered(strips, into):
    scratch = Scratch()
    for top, strip in strips(into, scratch):
        into.keep(top, strip, scratch)
    return into


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("height", "width"), [(8, 4), (16, 12), (24, 32), (6, 3), (1, 1)])
def test_taps_before_upsampling_are_the_convolution_of_the_upsampled_map(height, width, dtype):
    coarse, kernel = random(height, width, 5), random(7, 5, 3, 3)
    nchw = coarse.permute(2, 0, 1)[None]
    up = functional.interpolate(nchw, size=(2 * height, 2 * width), mode="bilinear", align_corners=True)
    expected = functional.conv2d(up, kernel, padding=1)[0].permute(1, 2, 0)
    below, into = FeatureMap(coarse), FeatureMap(torch.empty(2 * height, 2 * width, 7, dtype=dtype))
    gathered(lambda out, scratch: upsampled_taps(below, tap_weights(kernel), out, scratch), into)
    # The arithmetic is float32's, over some tens of products; bfloat16 rounds what is stored.
    tolerance = rounding(expected, units=64) + (rounding(expected, dtype) if dtype != torch.float32 else 0)
    assert (into.raw.float() - expected).abs().max() < tolerance
    assert into.moments.mean == pytest.approx(float(expected.mean()), abs=1e-5)


@pytest.mark.parametrize(("height", "width"), [(4, 8), (16, 32), (64, 128)])
def test_winograd_is_the_convolution(height, width):
    source, kernel = random(height, width, 6), random(9, 6, 3, 3)
    expected = functional.conv2d(source.permute(2, 0, 1)[None], kernel, padding=1)[0].permute(1, 2, 0)
    for convolve, weights in ((winograd, winograd_kernel(kernel)), (direct, kernel)):
        into = FeatureMap(torch.empty(height, width, 9))
        gathered(lambda out, scratch, c=convolve, w=weights: c(FeatureMap(source), w, out, scratch), into)
        # The rows of Winograd's transforms add up to 10 and are applied twice.
        assert (into.raw - expected).abs().max() < rounding(expected, units=200)
        assert into.moments.squares / into.moments.count == pytest.approx(
            float(expected.var(correction=0)), rel=1e-4
        )


def test_labels_are_added_as_their_convolution():
    strip, labels, kernel = random(4, 8, 5), random(6, 10, 3), random(5, 3, 3, 3)
    expected = strip + functional.conv2d(labels.permute(2, 0, 1)[None], kernel)[0].permute(1, 2, 0)
    add_labels(strip, labels, label_weights(kernel), Scratch())
    torch.testing.assert_close(strip, expected)


@pytest.mark.parametrize("mean", [0.0, 0.3, 1000.0])
def test_moments_of_strips_are_those_of_the_whole(mean):
    whole = random(12, 8, 4) + mean + torch.arange(12.0)[:, None, None]
    moments = Moments()
    for strip in whole.split([2, 6, 4]):
        moments.add(strip.contiguous(), Scratch())
    assert moments.mean == pytest.approx(float(whole.double().mean()), rel=1e-6, abs=1e-6)
    assert moments.squares / moments.count == pytest.approx(float(whole.double().var(correction=0)), rel=1e-4)


def test_moments_of_millions_of_numbers_keep_their_digits():
    """Summed in one go, the variance was off by 7e-5, which showed as hundredths of a grey level."""
    whole = torch.randn(1 << 22, generator=torch.Generator().manual_seed(0)) + 0.3
    moments = Moments()
    moments.add(whole, Scratch())
    assert moments.squares / moments.count == pytest.approx(float(whole.double().var(correction=0)), rel=2e-6)


def test_rows_are_read_normalised_with_zeros_around():
    source = FeatureMap(random(4, 3, 2))
    source.moments.add(source.raw, Scratch())
    gamma, beta = random(2), random(2)
    source.normalise(gamma, beta)
    x = source.raw
    expected = functional.leaky_relu((x - x.mean()) / x.std(correction=0) * gamma + beta, 0.2)
    rows = source.read(-1, 5, torch.full((6, 5, 2), 9.0))
    torch.testing.assert_close(rows[1:-1, 1:-1], expected)
    rows[1:-1, 1:-1] = 0
    assert not rows.any()


def narrow_model(config=WIDE):
    model = CRN(config, torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim == 1:
                value.add_(torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) * 0.3)
    return model


def label_map(height=64, width=128):
    blocks = np.random.default_rng(0).integers(0, 20, (height // 8, width // 8))
    return blocks.repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)


def exact_images(model, classes):
    with torch.inference_mode():
        return narrow_model(model.config).double()(one_hot(classes, 20).double())[0]


def in_strips(model, classes, dtype=torch.float32):
    with torch.inference_mode():
        strips = [strip for _, strip in Cascade(model, dtype).strips(torch.from_numpy(classes))]
        return to_images(torch.cat(strips).permute(2, 0, 1)[None], model.config.outputs)[0]


def test_strips_stay_within_parity_of_float64():
    model, classes = narrow_model(), label_map()
    difference = (in_strips(model, classes) - exact_images(model, classes)).abs()
    assert difference.max() < 4e-3


def test_bfloat16_stays_within_a_few_grey_levels():
    model, classes = narrow_model(), label_map()
    difference = (in_strips(model, classes, torch.bfloat16) - exact_images(model, classes)).abs()
    assert difference.mean() < 1.2
    assert difference.max() < 9


def test_a_size_that_is_not_the_trained_one():
    model = narrow_model()
    for height, width in ((96, 64), (48, 80)):
        classes = np.ascontiguousarray(label_map(128, 128)[:height, :width])
        assert (in_strips(model, classes) - exact_images(model, classes)).abs().max() < 4e-3


def test_rendering_is_the_modules_images_rounded():
    model = narrow_model()
    maps = np.stack([label_map(), label_map()[::-1]])
    with torch.inference_mode():
        expected = to_bytes(model(one_hot(maps, 20)))
    found = Renderer(model)(maps)
    assert found.shape == (2, 3, 3, 64, 128)
    assert found.dtype == torch.uint8
    assert (found.int() - expected.int()).abs().max() <= 1
    assert torch.equal(found, Renderer(model)(maps))  # deterministic


def test_spending_a_model_gives_the_same_images():
    classes = label_map()[None]
    kept, spent = narrow_model(), narrow_model()
    assert torch.equal(Renderer(kept)(classes), Renderer(spent, spend=True)(classes))
    assert spent.refinements["4"].conv1.weight.is_meta


def test_a_device_that_is_not_there():
    with pytest.raises(GlimpseError, match="device 'cudax' is not available to torch here; use cpu"):
        Renderer(narrow_model(), "cudax")


@pytest.mark.parametrize(("given", "kept"), [(None, "passive"), ("active", "active")])
def test_waiting_threads_sleep_unless_the_user_says_otherwise(monkeypatch, given, kept):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if given:
        monkeypatch.setenv("OMP_WAIT_POLICY", given)
    importlib.reload(crn)
    assert os.environ["OMP_WAIT_POLICY"] == kept
