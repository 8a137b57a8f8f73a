"""The network against two implementations that share no code with it, and the published parameter counts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from glimpse.crn.data.labels import one_hot
from glimpse.crn.network.config import PRESETS, NetworkConfig
from glimpse.crn.network.converting import read_crn
from glimpse.crn.network.model import CRN, LayerNorm, label_pyramid, to_images
from glimpse.errors import GlimpseError

REFERENCE = Path(__file__).parent / "tensorflow_reference.npz"
NARROW = NetworkConfig(height=32, width=64, features=(7, 6, 5, 4), outputs=3)


class FrozenCheckpoint:
    """Variables of a TensorFlow checkpoint, from a file."""

    def __init__(self, variables):
        self.variables = variables

    def get_variable_to_shape_map(self):
        return {name: list(value.shape) for name, value in self.variables.items()}

    def get_tensor(self, name):
        return self.variables[name]


def perturbed(config, seed=0):
    """A network whose scales, shifts and biases are not those of the initialisation."""
    chance = torch.Generator().manual_seed(seed)
    model = CRN(config, chance).eval()
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim == 1:
                value.add_(torch.randn(value.shape, generator=chance) * 0.3)
    return model


def label_maps(count, height, width, seed=0):
    blocks = np.random.default_rng(seed).integers(0, 20, (count, height // 8, width // 8))
    return blocks.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)


# The reference in numpy, float64, written from the paper's description, with plain loops over the taps.


def numpy_convolution(x, kernel):
    """(H, W, C) and (F, C, 3, 3) -> (H, W, F), zero-padded."""
    height, width, _ = x.shape
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    taps = [
        padded[dy : dy + height, dx : dx + width] @ kernel[:, :, dy, dx].T
        for dy in range(3)
        for dx in range(3)
    ]
    return sum(taps)


def numpy_upsample(x, height, width):
    """Bilinear, corners aligned: every output pixel by itself."""
    h, w, _ = x.shape
    out = np.empty((height, width, x.shape[2]))
    for row in range(height):
        for column in range(width):
            v, u = row * (h - 1) / (height - 1), column * (w - 1) / (width - 1)
            top, left = min(int(v), h - 2), min(int(u), w - 2)
            fv, fu = v - top, u - left
            upper = (1 - fu) * x[top, left] + fu * x[top, left + 1]
            lower = (1 - fu) * x[top + 1, left] + fu * x[top + 1, left + 1]
            out[row, column] = (1 - fv) * upper + fv * lower
    return out


def numpy_cascade(weights, labels, heights, outputs):
    """(H, W, classes) -> (k, H, W, 3), float64."""
    pyramid = [labels]
    while pyramid[0].shape[0] > heights[0]:
        finer = pyramid[0]
        pyramid.insert(0, (finer[::2, ::2] + finer[1::2, ::2] + finer[::2, 1::2] + finer[1::2, 1::2]) / 4)
    x = None
    for height, level in zip(heights, pyramid, strict=True):
        x = level if x is None else np.concatenate([numpy_upsample(x, *level.shape[:2]), level], axis=2)
        for number in (1, 2):
            name = f"refinements.{height}"
            y = numpy_convolution(x, weights[f"{name}.conv{number}.weight"])
            y = (y - y.mean()) / np.sqrt(y.var() + 1e-12)
            y = y * weights[f"{name}.norm{number}.scale"] + weights[f"{name}.norm{number}.shift"]
            x = np.maximum(0.2 * y, y)
    y = x @ weights["head.weight"][:, :, 0, 0].T + weights["head.bias"]
    images = [[y[..., colour * outputs + u] for colour in range(3)] for u in range(outputs)]
    return (np.moveaxis(np.array(images), 1, -1) + 1) / 2 * 255


def test_float32_matches_a_float64_reference_in_numpy():
    model = perturbed(NARROW)
    classes = label_maps(1, 32, 64)
    weights = {name: value.double().numpy() for name, value in model.state_dict().items()}
    expected = numpy_cascade(weights, np.eye(20)[classes[0]], NARROW.heights, 3)
    with torch.no_grad():
        found = model(one_hot(classes, 20))[0].permute(0, 2, 3, 1).double().numpy()
    assert np.abs(found - expected).max() < 4e-3
    assert expected.std() > 20  # the comparison is of images, not of a constant


def test_the_authors_graph_run_by_tensorflow_gives_the_same_images():
    stored = np.load(REFERENCE)
    variables = {name[2:]: stored[name] for name in stored.files if name.startswith("v:")}
    model = read_crn(FrozenCheckpoint(variables), "reference")
    assert (model.config.height, model.config.outputs) == (32, 3)
    with torch.no_grad():
        found = model(one_hot(stored["ids"], 20))[0].permute(0, 2, 3, 1).numpy()
    assert np.abs(found - stored["img"]).max() < 4e-3


@pytest.mark.parametrize(
    ("preset", "parameters", "tensors"),
    [
        ("cityscapes-256p-diverse", 97_875_483, 44),
        ("cityscapes-512p", 98_622_851, 50),
        ("cityscapes-1024p", 98_674_531, 56),
    ],
)
def test_parameter_counts_are_the_published_ones(preset, parameters, tensors):
    with torch.device("meta"):
        model = CRN(PRESETS[preset])
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert len(list(model.parameters())) == tensors


def test_layer_norm_uses_the_whole_sample_and_the_biased_variance():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 7
    norm = LayerNorm(3).double()
    expected = [(sample - sample.mean()) / sample.var(unbiased=False).sqrt() for sample in x]
    torch.testing.assert_close(norm(x), torch.stack(expected))


def test_layer_norm_keeps_its_digits_where_the_mean_is_large():
    x = torch.randn(1, 8, 64, 64, generator=torch.Generator().manual_seed(0)) + 300
    exact = LayerNorm(8).double()(x.double())
    assert (LayerNorm(8)(x).double() - exact).abs().max() < 2e-4


def test_the_pyramid_holds_fractions_of_classes():
    labels = torch.zeros(1, 1, 4, 4)
    labels[0, 0, 0, 0] = 1
    coarse, middle, fine = label_pyramid(labels, 3)
    assert fine is labels
    assert middle[0, 0, 0, 0] == 0.25
    assert coarse.item() == 1 / 16


def test_diverse_outputs_are_split_by_colour():
    y = torch.arange(6.0).view(1, 6, 1, 1)
    images = to_images(y, 2) * 2 / 255 - 1
    assert images.shape == (1, 2, 3, 1, 1)
    torch.testing.assert_close(images.flatten(), torch.tensor([0.0, 2, 4, 1, 3, 5]))


def test_growing_keeps_every_weight_but_the_head():
    model = perturbed(NARROW)
    taller = model.grown(5, torch.Generator().manual_seed(1))
    kept = taller.state_dict()
    for name, value in model.state_dict().items():
        if not name.startswith("head."):
            assert torch.equal(kept[name], value)
    assert taller(torch.zeros(1, 20, 64, 128)).shape == (1, 3, 3, 64, 128)


def test_the_generator_decides_the_initialisation():
    first, again, other = (CRN(NARROW, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)
    assert first.head.bias.abs().sum() == 0
    bound = (6 / (9 * (20 + 7))) ** 0.5  # Glorot: fan in and fan out count the taps
    largest = first.refinements["4"].conv1.weight.abs().max()
    assert bound * 0.95 < largest <= bound


def test_any_multiple_of_the_coarsest_size_works_and_others_say_so():
    model = perturbed(NARROW)
    assert model(torch.zeros(1, 20, 16, 24)).shape == (1, 3, 3, 16, 24)
    with pytest.raises(GlimpseError, match="label maps are 20x24; this network needs multiples of 8"):
        model(torch.zeros(1, 20, 20, 24))
    with pytest.raises(GlimpseError, match="label maps have 12 channels; this network takes 20"):
        model(torch.zeros(1, 12, 16, 24))
