from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from glimpse.errors import GlimpseError
from glimpse.mturk.design.encoding import choose, encode, extension, inspect, keeps_pixels
from glimpse.mturk.design.stimuli import common_items, find_images, inspect_all, opaque_id, study_secret

if TYPE_CHECKING:
    from pathlib import Path


def picture(seed: int = 0, size: tuple[int, int] = (32, 16)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def lay_out(folder: Path, conditions: dict[str, list[str]], suffix: str = ".png") -> Path:
    for condition, items in conditions.items():
        (folder / condition).mkdir(parents=True)
        for number, item in enumerate(items):
            picture(number).save(folder / condition / f"{item}{suffix}")
    return folder


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_finds_conditions_and_items(tmp_path: Path) -> None:
    lay_out(tmp_path, {"real": ["b", "a"], "crn": ["a", "b"], ".cache": ["x"]})
    (tmp_path / "real" / "notes.json").write_text("{}")
    (tmp_path / "grid.png").write_bytes(b"")
    images = find_images(tmp_path)
    assert images.conditions == ("crn", "real")
    assert common_items(images, ["crn", "real"]) == ("a", "b")


def test_messages_about_folders(tmp_path: Path) -> None:
    with pytest.raises(GlimpseError, match=r"There is no folder .*nowhere"):
        find_images(tmp_path / "nowhere")
    with pytest.raises(GlimpseError, match="has no folders"):
        find_images(tmp_path)
    (tmp_path / "real").mkdir()
    with pytest.raises(GlimpseError, match=r"real holds no image; allowed are \.avif"):
        find_images(tmp_path)


def test_a_duplicate_stem(tmp_path: Path) -> None:
    lay_out(tmp_path, {"real": ["a"]})
    picture().save(tmp_path / "real" / "a.jpg")
    with pytest.raises(GlimpseError, match=r"has a\.jpg and a\.png: two images of item a\. Keep one"):
        find_images(tmp_path)


def test_a_name_that_no_contrast_could_hold(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a:b": ["x"]})
    with pytest.raises(GlimpseError, match="must not hold colons"):
        find_images(tmp_path)


def test_missing_items_and_conditions(tmp_path: Path) -> None:
    images = find_images(lay_out(tmp_path, {"real": ["a", "b", "c"], "crn": ["a"], "far": ["z"]}))
    with pytest.raises(GlimpseError, match=r"no condition 'gan'.*found are crn, far, real"):
        common_items(images, ["real", "gan"])
    with pytest.raises(
        GlimpseError, match=r"crn lacks 2 of 3 items.*: b, c\. Add them, or .*--allow-missing"
    ):
        common_items(images, ["real", "crn"])
    assert common_items(images, ["real", "crn"], allow_missing=True) == ("a",)
    with pytest.raises(GlimpseError, match="No item is common to real, far"):
        common_items(images, ["real", "far"], allow_missing=True)


def test_unequal_sizes_in_a_pair(tmp_path: Path) -> None:
    lay_out(tmp_path, {"real": ["a", "b"], "crn": ["a"]})
    picture(size=(30, 16)).save(tmp_path / "crn" / "b.png")
    images = find_images(tmp_path)
    inspect_all(images, [(("real", "a"), ("crn", "a"))])
    with pytest.raises(GlimpseError, match=r"b\.png is 32x16 and .*b\.png is 30x16.*Resize one of them\.$"):
        inspect_all(images, [(("real", "b"), ("crn", "b"))])
    with pytest.raises(GlimpseError, match="--pairing same-item"):
        inspect_all(images, [(("real", "a"), ("crn", "b"))])


def broken_png(path: Path) -> None:
    picture().save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def broken_jpeg(path: Path) -> None:
    picture(size=(200, 200)).save(path)
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("a.png", lambda p: p.write_bytes(b"no image"), "cannot be read as an image"),
        ("a.png", broken_png, "cannot be read as an image"),
        ("a.jpg", broken_jpeg, "cannot be read as an image"),
        ("a.png", lambda p: p.write_bytes(b""), r"is empty \(0 bytes\); replace or remove it"),
        (
            "a.tif",
            lambda p: picture().save(p, save_all=True, append_images=[picture(1)]),
            "has several pages",
        ),
        (
            "a.tif",
            lambda p: Image.new("F", (9, 9)).save(p),
            "floating-point numbers, .* save it with 8 or 16",
        ),
        ("a.webp", lambda p: picture().save(p, save_all=True, append_images=[picture(1)]), "is animated"),
        ("a.png", lambda p: Image.new("RGBA", (9, 9), (1, 2, 3, 90)).save(p), "has transparent pixels"),
    ],
)
def test_images_that_cannot_be_shown(tmp_path: Path, name: str, spoil: object, message: str) -> None:
    path = tmp_path / name
    spoil(path)
    with pytest.raises(GlimpseError, match=message) as error:
        inspect(path)
    assert str(path) in str(error.value)


def save_with_metadata(path: Path, **options: object) -> None:
    exif = Image.Exif()
    exif[0x010E] = "made by crn"
    if path.suffix == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_text("Software", "made by crn")
        picture().save(path, pnginfo=info, exif=exif, dpi=(72, 72))
    else:
        picture().save(path, exif=exif, xmp=b"made by crn", **options)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_keep_strips_metadata_and_no_pixel(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    save_with_metadata(path)
    assert b"made by crn" in path.read_bytes()
    source = inspect(path)
    assert choose("auto", [source]) == "keep"
    data = encode(source, "keep")
    assert b"made by crn" not in data
    assert not {"exif", "xmp", "Software", "dpi"} & set(Image.open(io.BytesIO(data)).info) - {"dpi"}
    np.testing.assert_array_equal(pixels(data), pixels(path.read_bytes()))
    assert extension(source, "keep") == suffix[1:]


def test_auto_encodes_anew_where_formats_or_qualities_differ(tmp_path: Path) -> None:
    for name, options in (("a.jpg", {"quality": 95}), ("b.jpg", {"quality": 60}), ("c.png", {})):
        picture().save(tmp_path / name, **options)
    one, other, png = (inspect(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.png"))
    assert choose("auto", [one, one]) == "keep"
    assert choose("auto", [one, other]) == "png"
    assert choose("auto", [one, png]) == "png"
    assert choose("jpeg", [one, other]) == "jpeg"


@pytest.mark.parametrize(("encoding", "format_"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_encodings(tmp_path: Path, encoding: str, format_: str) -> None:
    picture().save(tmp_path / "a.png")
    data = encode(inspect(tmp_path / "a.png"), encoding)
    assert Image.open(io.BytesIO(data)).format == format_
    assert keeps_pixels(inspect(tmp_path / "a.png"), encoding) == (encoding != "jpeg")
    if encoding != "jpeg":
        np.testing.assert_array_equal(pixels(data), np.asarray(picture()))


def test_an_orientation_is_applied_not_lost(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().save(tmp_path / "a.png", exif=exif)
    source = inspect(tmp_path / "a.png")
    assert (source.width, source.height) == (16, 32)
    assert not keeps_pixels(source, "png")
    assert choose("auto", [source]) == "png"
    with pytest.raises(GlimpseError, match="has an orientation, which stripping would lose"):
        choose("keep", [source])
    np.testing.assert_array_equal(pixels(encode(source, "png")), np.rot90(np.asarray(picture()), -1))


def test_a_file_that_changes_meanwhile(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    source = inspect(tmp_path / "a.png")
    picture(1).save(tmp_path / "a.png")
    with pytest.raises(GlimpseError, match="changed while the study was built"):
        encode(source, "keep")


def test_names_are_opaque_and_follow_from_what_goes_in(tmp_path: Path) -> None:
    images = find_images(lay_out(tmp_path, {"real": ["a"], "crn": ["a"]}))
    sources = inspect_all(images, [(("real", "a"), ("crn", "a"))])
    secret = study_secret(0, "{}", sources)
    assert secret == study_secret(0, "{}", sources)
    assert len({secret, study_secret(1, "{}", sources), study_secret(0, "{ }", sources)}) == 3
    name = opaque_id(secret, "crn", "a", "digest")
    assert len(name) == 20
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert name != opaque_id(secret, "crn", "adigest")
