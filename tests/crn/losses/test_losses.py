"""The losses against numbers worked out independently."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from glimpse.crn.losses.losses import (
    AUTHORS_DIVISORS,
    Balance,
    absolute_difference,
    authors_divisors,
    class_means,
    diversity,
    feature_matching,
    image_space,
)
from glimpse.errors import GlimpseError

ONES = (1.0,) * 6


def _taps(n: int, seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(3, 16, 32), (4, 16, 32), (5, 8, 16), (6, 4, 8), (7, 2, 4), (8, 1, 2)]
    return [torch.rand(n, *shape, generator=generator) for shape in shapes]


def _labels(n: int, classes: int, seed: int) -> torch.Tensor:
    ids = torch.randint(classes, (n, 16, 32), generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.one_hot(ids, classes).permute(0, 3, 1, 2).float()


def test_feature_matching_is_the_weighted_sum_of_mean_differences() -> None:
    output, photo = _taps(1, 0), _taps(1, 1)
    divisors = AUTHORS_DIVISORS["256p"]
    terms = feature_matching(output, photo, divisors)
    expected = sum(
        np.abs(a.numpy().astype(np.float64) - b.numpy()).mean() / c
        for a, b, c in zip(output, photo, divisors, strict=True)
    )
    assert float(terms.total) == pytest.approx(expected, rel=1e-6)
    assert sum(terms.parts.values()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_gradient_of_a_difference_is_its_sign_over_the_numbers(dtype: torch.dtype) -> None:
    a, b = (_taps(2, seed)[1].to(dtype) for seed in (0, 1))
    b[0, 0, 0, 0] = a[0, 0, 0, 0]  # no difference, no gradient
    a.requires_grad_()
    found = absolute_difference(a, b)
    (ours,) = torch.autograd.grad(found, a)
    plain = (a.float() - b.float()).abs().mean(dim=(1, 2, 3)).sum()
    (theirs,) = torch.autograd.grad(plain, a)
    assert ours.dtype == dtype
    assert torch.equal(ours, theirs)
    assert ours[0, 0, 0, 0] == 0
    torch.testing.assert_close(found.float(), plain, rtol=1e-6, atol=0)


def test_share_makes_a_batch_the_mean_of_its_samples() -> None:
    output, photo = _taps(4, 0), _taps(4, 1)
    both = feature_matching(output, photo, ONES, share=0.25).total
    each = [
        feature_matching([t[i : i + 1] for t in output], [t[i : i + 1] for t in photo], ONES).total
        for i in range(4)
    ]
    assert float(both) == pytest.approx(float(torch.stack(each).mean()), rel=1e-6)


def test_authors_constants_stand_as_published() -> None:
    assert AUTHORS_DIVISORS["256p"] == pytest.approx((1, 1.6, 2.3, 1.8, 2.8, 0.8 / 10))
    assert AUTHORS_DIVISORS["1024p"] == pytest.approx((1, 2.6, 4.8, 3.7, 5.6, 1.5 / 10))
    assert AUTHORS_DIVISORS["gta5-256p"] == pytest.approx((1, 1.4, 1.8, 1.3, 2.2, 0.62 / 10))
    assert authors_divisors(256, "cityscapes") == AUTHORS_DIVISORS["256p"]
    assert authors_divisors(256, "gta5") == AUTHORS_DIVISORS["gta5-256p"]
    assert authors_divisors(1024, "cityscapes") == AUTHORS_DIVISORS["1024p"]


def _diversity_by_hand(output, photo, labels, divisors) -> float:
    """Compute Eq. 3 with loops, in float64, without any of the code's shortcuts."""
    n, classes = labels.shape[:2]
    k = output[0].shape[0] // n
    total = 0.0
    for sample in range(n):
        table = np.zeros((k, classes))
        for tap, target, c in zip(output, photo, divisors, strict=True):
            height, width = tap.shape[-2:]
            fine = labels[sample].double().numpy()
            step_y, step_x = fine.shape[1] // height, fine.shape[2] // width
            mask = fine.reshape(classes, height, step_y, width, step_x).mean((2, 4))
            for u in range(k):
                difference = np.abs(
                    tap[sample * k + u].double().numpy() - target[sample].double().numpy()
                ).mean(0)
                for p in range(classes):
                    table[u, p] += (mask[p] * difference).mean() / c
        total += 0.999 * table.min(0).sum() + 0.001 * table.mean(0).sum()
    return total


def test_diversity_is_equation_3() -> None:
    divisors = AUTHORS_DIVISORS["256p"]
    output, photo, labels = _taps(6, 0), _taps(2, 1), _labels(2, 5, 2)
    terms = diversity(output, photo, labels, divisors, share=0.5)
    assert float(terms.total) == pytest.approx(
        0.5 * _diversity_by_hand(output, photo, labels, divisors), rel=1e-5
    )


def test_diversity_of_one_image_is_feature_matching() -> None:
    output, photo, labels = _taps(1, 0), _taps(1, 1), _labels(1, 5, 2)
    # The classes' masks partition the image, so their masked means add up to the plain mean.
    assert float(diversity(output, photo, labels, ONES).total) == pytest.approx(
        float(feature_matching(output, photo, ONES).total), rel=1e-5
    )


def test_diversity_sends_gradients_mostly_to_the_best_image() -> None:
    photo, labels = _taps(1, 1), torch.ones(1, 1, 16, 32)
    near = [(tap + 0.01) for tap in photo]
    far = [(tap + 1.0) for tap in photo]
    output = [torch.cat(pair).requires_grad_() for pair in zip(near, far, strict=True)]
    diversity(output, photo, labels, ONES).total.backward()
    best, other = output[0].grad.abs().mean((1, 2, 3)).tolist()
    assert best / other == pytest.approx((0.999 + 0.0005) / 0.0005, rel=1e-3)


def test_class_means_stay_exact_inside_autocast() -> None:
    generator = torch.Generator().manual_seed(0)
    difference, labels = (
        torch.rand(3, 64, 64, generator=generator),
        torch.rand(4, 64, 64, generator=generator),
    )
    exact = class_means(difference.double().float(), labels)
    with torch.autocast("cpu", torch.bfloat16):
        inside = class_means(difference, labels)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, exact, rtol=0, atol=0)


def test_image_space_is_the_mean_absolute_difference() -> None:
    assert float(image_space(torch.full((2, 3, 4, 4), 7.0), torch.zeros(2, 3, 4, 4), 0.5).total) == 7.0


def test_the_papers_rule_makes_every_term_alike() -> None:
    taps = [_taps(1, seed) for seed in range(5)]
    scaled = [[tap * 10**level for level, tap in enumerate(one)] for one in taps]
    balance = Balance.between_photos(scaled, ONES)
    terms = feature_matching(scaled[0], scaled[1], balance.divisors)
    assert max(terms.parts.values()) / min(terms.parts.values()) < 1.6
    assert balance.divisors[0] == pytest.approx(1.0)
    emphasised = Balance.between_photos(scaled, (2.0, 1, 1, 1, 1, 1))
    assert emphasised.divisors[0] == pytest.approx(0.5)


def test_rescaling_uses_the_running_means() -> None:
    balance = Balance(ONES, ONES, decay=0.0)
    balance.rescale()
    assert balance.divisors == ONES
    balance.observe((10.0, 1.0, 2.0, 3.0, 4.0, 5.0))
    balance.rescale()
    assert balance.divisors == pytest.approx((1.0, 0.1, 0.2, 0.3, 0.4, 0.5))


def test_wrong_divisors_are_refused() -> None:
    with pytest.raises(GlimpseError, match="6 positive divisors"):
        feature_matching(_taps(1, 0), _taps(1, 1), (1.0, 2.0))
    with pytest.raises(GlimpseError, match="at least two photographs"):
        Balance.between_photos([_taps(1, 0)], ONES)


def test_a_network_with_fewer_taps_needs_as_many_divisors() -> None:
    output, photo = _taps(1, 0)[:5], _taps(1, 1)[:5]
    balance = Balance.between_photos([output, photo, output], ONES)
    terms = feature_matching(output, photo, balance.divisors)
    assert list(terms.parts) == ["input", "conv1_2", "conv2_2", "conv3_2", "conv4_2"]


def test_a_factor_of_nought_leaves_a_term_out() -> None:
    taps = [_taps(1, seed) for seed in range(3)]
    balance = Balance.between_photos(taps, (1.0, 1, 1, 1, 1, 0))
    terms = feature_matching(taps[0], taps[1], balance.divisors)
    assert terms.parts["conv5_2"] == 0.0
    assert float(terms.total) > 0
