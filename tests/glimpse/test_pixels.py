"""Images as people have them: every type and depth gives the picture that was meant; half a file is named."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from glimpse.images import READ_ENDINGS
from glimpse.pixels import UnreadableImageError, changes, opened, read_rgb

GREY = (np.arange(64 * 48).reshape(48, 64) * 21).astype(np.uint16)  # 0 to 64491
COLOURS = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000", "PPM", "TGA")


def deep_png(pixels):
    """A PNG of 16 bits a channel, grey or RGB, which Pillow itself writes of grey only."""
    height, width = pixels.shape[:2]
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    written = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def saved(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def what_changes(data):
    with opened(data, "a") as image:
        return changes(image)


@pytest.mark.parametrize(
    "data",
    [deep_png(GREY), saved(Image.fromarray(GREY), "TIFF"), saved(Image.fromarray(GREY), "PPM")],
    ids=["PNG", "TIFF", "PPM"],
)
def test_sixteen_bits_are_scaled_not_clipped(data):
    found = np.asarray(read_rgb(data))
    np.testing.assert_array_equal(found, np.dstack([GREY >> 8] * 3))
    assert what_changes(data) == ("16 bits a channel",)


def test_colours_of_sixteen_bits_are_scaled_as_greys_are():
    np.testing.assert_array_equal(np.asarray(read_rgb(deep_png(COLOURS))), COLOURS >> 8)
    assert what_changes(deep_png(COLOURS)) == ("16 bits a channel",)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_numbers_without_a_stated_white_are_refused(mode):
    with pytest.raises(UnreadableImageError, match=r"a\.tif cannot be read .*black and white are not stated"):
        read_rgb(saved(Image.new(mode, (4, 4), 1), "TIFF"), "a.tif")


@pytest.mark.parametrize("kind", FORMATS)
def test_every_type_is_read_whole_and_never_in_part(kind):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("without AVIF in Pillow")
    picture = Image.fromarray((COLOURS >> 8).astype(np.uint8)).resize((200, 150))
    data = saved(picture, kind)
    found = np.asarray(read_rgb(data)).astype(int)
    assert np.abs(found - np.asarray(picture)).mean() < 12  # GIF has 256 colours, AVIF and JPEG are lossy
    for share in (0, 0.3, 0.6, 0.9):
        with pytest.raises(UnreadableImageError, match=r"half\.png (is empty|cannot be read as an image)"):
            read_rgb(data[: int(len(data) * share)], "half.png")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "LAB"])
def test_every_mode_becomes_colours_of_eight_bits(mode):
    picture = Image.fromarray((GREY >> 8).astype(np.uint8))
    picture = picture.convert("RGB").convert(mode) if mode != "LAB" else Image.new("LAB", (64, 48))
    data = saved(picture, "TIFF")
    assert read_rgb(data).mode == "RGB"
    assert what_changes(data) == (("CMYK",) if mode == "CMYK" else ())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_is_followed(orientation):
    picture = Image.fromarray((COLOURS >> 8).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = np.asarray(read_rgb(saved(picture, "PNG", exif=exif)))
    pixels = np.asarray(picture)
    mirrored = pixels[:, ::-1] if orientation in {2, 4, 5, 7} else pixels
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}[orientation]
    np.testing.assert_array_equal(found, np.rot90(mirrored, turns))


def test_the_profile_of_srgb_changes_nothing_and_another_is_followed():
    picture = Image.fromarray((COLOURS >> 8).astype(np.uint8))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(picture, "PNG", icc_profile=profile)
    assert what_changes(data) == ()
    np.testing.assert_array_equal(np.asarray(read_rgb(data)), np.asarray(picture))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert what_changes(saved(picture, "PNG", icc_profile=lab)) == ("a colour profile",)
    damaged = saved(picture, "PNG", icc_profile=b"no profile")
    np.testing.assert_array_equal(np.asarray(read_rgb(damaged)), np.asarray(picture))


def test_without_avif_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: name != "avif")
    with pytest.raises(UnreadableImageError, match=r"reads no AVIF; install pillow 11\.3 or later"):
        read_rgb(b"\x00\x00\x00\x20ftypavif....", "a.avif")


def test_what_is_read_from_folders_is_what_pillow_knows():
    assert set(READ_ENDINGS) <= {*Image.registered_extensions()}
