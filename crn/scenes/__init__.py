"""Procedural street scenes in the 19 Cityscapes classes: label maps with photographs, and drives.

`scene` draws one scene, `split_scene` one of a split ("train" or the held-out "sample"), `drive` the frames
of a moving camera, `appearances` many photographs of one label map, `sample_items` lists the bundled
samples. The layout decides the labels; light, weather and colours are drawn apart from it.
"""

from __future__ import annotations

from .appearance import HOURS, Appearance, draw_appearance
from .making import (
    SPLITS,
    appearances,
    drive,
    label_image,
    sample_items,
    scene,
    split_rng,
    split_scene,
    write_samples,
)
from .render import Scene, View, render
from .streets import build_world
from .world import World

__all__ = [
    "HOURS",
    "SPLITS",
    "Appearance",
    "Scene",
    "View",
    "World",
    "appearances",
    "build_world",
    "draw_appearance",
    "drive",
    "label_image",
    "render",
    "sample_items",
    "scene",
    "split_rng",
    "split_scene",
    "write_samples",
]
