"""The table of image types: as Pillow writes them, and as the machine's own table names them."""

import doctest
import io
import mimetypes

import pytest
from PIL import Image

from glimpse import images


@pytest.mark.parametrize("kind", images.IMAGE_TYPES, ids=lambda kind: kind.name)
def test_a_type_is_known_by_its_bytes_and_its_names(kind):
    data = io.BytesIO()
    Image.new("RGB", (4, 4)).save(data, kind.pillow)
    assert images.content_type_of(data.getvalue()) == kind.content_type
    with Image.open(data) as image:
        assert image.format == kind.pillow
    for ending in kind.endings:
        assert images.content_type(f"a{ending}") == images.content_type(f"A{ending.upper()}")
        assert mimetypes.guess_type(f"a{ending}")[0] in {kind.content_type, None}
        assert images.BY_ENDING[ending] is kind


def test_other_bytes_are_none_of_them():
    assert images.content_type_of(b"GIF89a") is None
    assert images.content_type_of(b"RIFF1234WAVE") is None
    assert images.content_type_of(b"") is None


def test_the_examples_run():
    assert doctest.testmod(images).failed == 0
