"""What `import glimpse` gives of this package: label maps turned into images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from glimpse.calling import flag, in_python, path_of, refuse, warn, whole, word
from glimpse.console import versions
from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from .network.checkpoints import Weights
    from .synthesis.inputs import SynthesisConfig

WEIGHTS = "give the name of bundled weights, such as scenes-crn, or the path of a file"
MAPS = "give a label map: whole numbers of shape (H, W) or (N, H, W), or the path of a file"
UNLABELLED = 255  # void in the numberings of most data sets


@in_python
def synthesize(
    labels: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] = "images",
    *,
    weights: str | os.PathLike[str] | None = None,
    condition: str | None = None,
    label_set: str | os.PathLike[str] | None = None,
    mapping: str | os.PathLike[str] | None = None,
    encoding: str | None = None,
    unknown_to_void: bool = False,
    size: tuple[int, int] | None = None,
    samples: int = 1,
    device: str = "cpu",
    dtype: str = "float32",
    batch: int = 1,
) -> Path:
    """Turn a folder of label maps into images, one folder a condition, as `glimpse synthesize` does.

    Images that are there already, of the same label maps, weights and settings, are kept.

    Args:
        labels: A label map, or a folder of them; None: the bundled sample scenes, laid out in the conditions
            real, crn, pix2pix and image-space.
        out: The folder of images to write.
        weights: Bundled weights by name, or a file; None: by the label set.
        condition: Name of the condition's folder in `out`; None: the weights' name (crn for the samples).
        label_set: What ids and colours mean: "cityscapes", "gta5", "camvid", "nyu", or a .json file; None:
            the only one that fits.
        mapping: Translation to the weights' label set, such as "camvid-cityscapes", or a .json file.
        encoding: "colours", or which numbering; None: as the label maps show.
        unknown_to_void: Let ids and colours that the label set does not know be void, not an error.
        size: (height, width) in pixels to which label maps are resized; None: the weights'.
        samples: How many images of each label map, with diverse weights; each in a folder of its own.
        device: "cpu", "cuda", "cuda:1" or "mps".
        dtype: How weights and features are stored: "float32" or "bfloat16".
        batch: Label maps at a time.

    Returns:
        Path: `out`, which `glimpse.build_study` takes.

    Raises:
        ArgumentError: An argument has a wrong type.
        GlimpseError: A label map cannot be read or does not fit the weights, there are no such weights, or
            other images are in the way. Nothing is written then.

    Source:
        Chen & Koltun (2017), Cascaded Refinement Networks.

    Example:
        >>> import glimpse
        >>> folder = glimpse.synthesize("labels", "own-images", condition="mine", encoding="train-ids",
        ...                             weights="scenes-crn")
        >>> sorted(path.name for path in (folder / "mine").iterdir())
        ['000001.png', '000002.png']
    """
    from .synthesis.inputs import SynthesisConfig
    from .synthesis.samples import choose_label_set, default_weights

    target = path_of("out", out, "give the path of the folder of images to write")
    options: dict[str, Any] = {
        "label_set": None
        if label_set is None
        else str(path_of("label_set", label_set, "give a name or a file")),
        "mapping": None if mapping is None else str(path_of("mapping", mapping, "give a name or a file")),
        "encoding": None if encoding is None else word("encoding", encoding),
        "unknown_to_void": flag("unknown_to_void", unknown_to_void),
        "size": None if size is None else _size(size),
        "samples": whole("samples", samples, 1),
        "dtype": word("dtype", dtype),
    }
    run = {"device": word("device", device), "batch": whole("batch", batch, 1)}
    source = None if weights is None else path_of("weights", weights, WEIGHTS)
    name = None if condition is None else _plain(condition)
    if labels is None:
        return _samples(target, SynthesisConfig(**options | SAMPLES), source, name, run)
    folder = path_of("labels", labels, "give the path of a label map, or of a folder of them")
    if source is None:
        options["label_set"] = choose_label_set(folder, options["label_set"], options["mapping"])
        source = Path(default_weights(options["label_set"], options["mapping"], diverse=samples > 1))
    _condition(folder, target, SynthesisConfig(**options), source, name, run)
    return target


@in_python
def render(
    label_map: ArrayLike | str | os.PathLike[str],
    weights: str | os.PathLike[str] = "scenes-crn",
    *,
    device: str = "cpu",
    dtype: str = "float32",
) -> NDArray[np.uint8]:
    """Turn one label map, or several of one size, into images in memory.

    Args:
        label_map: Classes, (H, W) or (N, H, W) whole numbers from 0, in the order of the weights' label set
            (Cityscapes: train ids); the last class, and 255, are void. Or the path of a label map, whose ids
            or colours are read as `glimpse synthesize` reads them. H and W in multiples of what the weights
            double from (scenes-crn: 32).
        weights: Bundled weights by name, or a file. The weights are read at each call: give many label maps
            at once.
        device: "cpu", "cuda", "cuda:1" or "mps".
        dtype: How weights and features are stored: "float32" or "bfloat16".

    Returns:
        RGB images, uint8 in [0, 255]: (H, W, 3) of one label map, (N, H, W, 3) of several. Diverse weights,
        which make k images of each, give (k, H, W, 3) and (N, k, H, W, 3).

    Raises:
        ArgumentError: `label_map` has another shape or no whole numbers, or an argument has a wrong type.
        GlimpseError: A class or a size does not fit the weights, there are no such weights, or torch cannot
            use the device.

    Source:
        Chen & Koltun (2017), Cascaded Refinement Networks.

    Example:
        >>> import glimpse
        >>> import numpy as np
        >>> label_map = np.full((128, 256), 10)  # sky
        >>> label_map[70:] = 0  # road
        >>> image = glimpse.render(label_map)
        >>> image.shape, image.dtype
        ((128, 256, 3), dtype('uint8'))
        >>> bool(image[:60].mean() > image[80:].mean())  # the sky is brighter
        True
    """
    from .network.checkpoints import load_weights
    from .network.devices import find_device
    from .synthesis.inference import Renderer

    find_device(word("device", device))
    loaded = load_weights(path_of("weights", weights, WEIGHTS))
    maps = _maps(label_map, loaded)
    renderer = Renderer(loaded.model, device, word("dtype", dtype, ("float32", "bfloat16")), spend=True)
    images: NDArray[np.uint8] = renderer(maps).permute(0, 1, 3, 4, 2).numpy()  # (N, k, H, W, 3)
    if loaded.config.outputs == 1:
        images = images[:, 0]
    return images if getattr(label_map, "ndim", 2) == 3 else images[0]


def _maps(label_map: Any, weights: Weights) -> NDArray[np.uint8]:
    """Return label maps (N, H, W) that the weights take."""
    import numpy as np

    from .data.labels import BUNDLED, bundled_label_set, read_label_map

    name = weights.config.label_set
    if isinstance(label_map, str | Path):
        if name not in BUNDLED:
            refuse("label_map", label_map, f"weights of label set {name!r} take an array of its classes")
        maps = read_label_map(label_map, bundled_label_set(name))[None]
    else:
        maps = np.asarray(label_map)
        maps = maps[None] if maps.ndim == 2 else maps
        if maps.ndim != 3 or maps.dtype.kind not in "iu" or not maps.size:
            refuse("label_map", label_map, f"{MAPS}; this has shape {np.shape(label_map)} of {maps.dtype}")
    classes = weights.config.classes
    maps = np.where(maps == UNLABELLED, classes - 1, maps) if classes <= UNLABELLED else maps
    if maps.min() < 0 or maps.max() >= classes:
        raise GlimpseError(
            f"label_map has class {maps.min() if maps.min() < 0 else maps.max()}; weights {weights.name!r} "
            f"take 0 to {classes - 1}, in the order {', '.join(weights.settings.class_names)}."
        )
    height, width = maps.shape[1:]
    step = weights.config.height // weights.config.heights[0]
    if height % step or width % step:
        raise GlimpseError(
            f"label_map is {height}x{width}; weights {weights.name!r} make heights and widths that are "
            f"multiples of {step}, and were trained at {weights.config.height}x{weights.config.width}."
        )
    return np.ascontiguousarray(maps, dtype=np.uint8)


SAMPLES = {"label_set": "cityscapes", "encoding": "train-ids"}


def _samples(
    out: Path, config: SynthesisConfig, weights: Path | None, name: str | None, run: dict[str, Any]
) -> Path:
    """Lay out the sample scenes: photographs, and the images of every condition."""
    from .synthesis.samples import SAMPLE_CONDITIONS, sample_label_maps, write_photographs

    conditions = {name or "crn": weights} if weights else dict(SAMPLE_CONDITIONS)
    write_photographs(out)
    for condition, source in conditions.items():
        _condition(sample_label_maps(), out, config, source, condition, run)
    return out


def _condition(
    labels: Any, out: Path, config: SynthesisConfig, weights: Any, name: str | None, run: dict[str, Any]
) -> None:
    """Make the images of one condition that are not there yet."""
    from .network.checkpoints import load_weights
    from .synthesis.inference import DTYPES
    from .synthesis.inputs import images_of, open_label_maps
    from .synthesis.synthesis import ConditionFolders, synthesize

    loaded = load_weights(weights, dtype=DTYPES[config.dtype])
    place = ConditionFolders(out, name or loaded.name, images_of(config, loaded.config, loaded.name))
    maps = open_label_maps(labels, config, loaded)
    if not maps.certain:
        warn(f"The label maps fit several numberings; read as {maps.encoding}. Say which with --encoding.")
    used = versions("torch", "numpy", "pillow", "safetensors")
    synthesize(maps, loaded, config, place, versions=used, **run)


def _size(size: object) -> tuple[int, int]:
    """Return (height, width)."""
    if not isinstance(size, list | tuple) or len(size) != 2:
        refuse("size", size, "give (height, width) in pixels, such as (256, 512)")
    return whole("size[0]", size[0], 1), whole("size[1]", size[1], 1)


def _plain(condition: object) -> str:
    """Return the name of a folder that is to be made in `out`, and nowhere else."""
    name = word("condition", condition)
    if not name or name.startswith((".", "-")) or any(sign in name for sign in "/\\:"):
        refuse("condition", condition, "give a name without /, \\ and :, and without . or - at its start")
    return name
