"""Files of one size with the same pixels, as every decoder reads them."""

import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from glimpse.errors import GlimpseError
from glimpse.mturk.design.padding import SMALLEST, pad, padded_size


def image(kind, **options):
    pixels = np.random.default_rng(0).integers(0, 255, (20, 31, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


KINDS = {
    "png": image("PNG"),
    "jpeg": image("JPEG", quality=90),
    "progressive": image("JPEG", quality=90, progressive=True),
    "webp": image("WEBP", lossless=True),
    "lossy": image("WEBP", quality=80),
}


def pixels(data):
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened.convert("RGB"))


@given(
    st.sampled_from(sorted(KINDS)), st.integers(0, 70_000) | st.integers(65_500, 65_600).map(lambda n: 2 * n)
)
@settings(max_examples=80)
def test_any_size_with_the_same_pixels(kind, more):
    data = KINDS[kind]
    size = padded_size([len(data) + more])
    padded = pad(data, size, "seed")
    assert len(padded) == size
    assert np.array_equal(pixels(padded), pixels(data))


def test_the_largest_is_padded_too_and_the_filling_does_not_compress():
    sizes = [len(data) for data in KINDS.values()]
    size = padded_size(sizes)
    assert size >= max(sizes) + SMALLEST
    assert size % 2 == 0
    padded = {pad(data, size + 5000, name) for name, data in KINDS.items()}
    assert {len(data) for data in padded} == {size + 5000}
    grown = len(zlib.compress(pad(KINDS["png"], size + 50_000, "s"))) - len(zlib.compress(KINDS["png"]))
    assert grown > 49_000


def test_the_same_seed_gives_the_same_bytes():
    assert pad(KINDS["png"], 9000, "a") == pad(KINDS["png"], 9000, "a") != pad(KINDS["png"], 9000, "b")


def test_what_is_no_image_is_refused():
    with pytest.raises(GlimpseError, match="Only PNG, JPEG and WebP"):
        pad(b"GIF89a", 1000, "s")
