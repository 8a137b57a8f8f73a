"""The settings of a network: what is checked, what survives JSON."""

import pytest

from glimpse.crn.network.config import PRESETS, NetworkConfig
from glimpse.errors import GlimpseError


def test_the_published_widths_are_filled_in():
    assert NetworkConfig().features == (1024, 1024, 1024, 1024, 1024, 512, 512)
    assert PRESETS["cityscapes-1024p"].features[-2:] == (128, 32)


def test_sizes_halve_down_to_the_coarsest_module():
    config = NetworkConfig(height=96, width=128, base_height=3, features=(8,) * 6)
    assert config.sizes == ((3, 4), (6, 8), (12, 16), (24, 32), (48, 64), (96, 128))


def test_json_round_trip():
    config = NetworkConfig(
        label_set="camvid", classes=12, height=32, width=64, features=(4, 4, 4, 4), outputs=3
    )
    assert NetworkConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"height": 200}, r"height is 200; from base_height 4 only 4, 8, 16, .* can be reached by doubling"),
        ({"width": 500}, r"width is 500; with height 256 it must be a multiple of 64 .*, such as 512\."),
        ({"classes": 1}, r"classes is 1; it must be 2 or more"),
        ({"outputs": 0}, r"outputs is 0; it must be a whole number from 1"),
        ({"outputs": True}, r"outputs is True"),
        ({"features": (8, 8)}, r"features has 2 entries; 256 pixels from 4 are 7 modules"),
        ({"features": (8,) * 6 + (0,)}, r"features is \[8, .*, 0\]; each must be a whole number"),
        ({"label_set": ""}, r"label_set is ''; it must be a name"),
    ],
)
def test_wrong_settings_name_field_value_and_what_is_allowed(settings, message):
    with pytest.raises(GlimpseError, match=message):
        NetworkConfig(**settings)


def test_unknown_keys_are_rejected():
    with pytest.raises(
        GlimpseError, match="unknown network setting 'widht'; known are architecture, base_height"
    ):
        NetworkConfig.from_json({"widht": 512})
    with pytest.raises(GlimpseError, match="features is 8; it must be a list of numbers"):
        NetworkConfig.from_json({"features": 8})


def test_growing_doubles_the_size_with_the_published_width():
    grown = NetworkConfig().grown()
    assert (grown.height, grown.width, grown.features[-1]) == (512, 1024, 128)
    assert NetworkConfig().grown(7).features[-1] == 7
