"""How fast, how exact and how small synthesis is, against named peers in the same run.

    python benchmarks/synthesis.py [--size 512p] [--rounds 5] [--threads 1] [--memory] [--tensorflow]

Peers: `eager` is the network's module in float32 as a person would first write it (channels last); `bf16`
the same module in bfloat16, where the processor has such products; `reference` the authors' graph in
TensorFlow, where tensorflow is installed. Measured interleaved with a square matrix product, in CPU seconds
of the process: on a machine that others use as well, those stay put where wall time doubles. Ratios are
medians over the rounds. Threads that wait sleep (OMP_WAIT_POLICY=passive, for every peer, as in use):
spinning would be counted as work.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when torch is loaded

import numpy as np
import torch

from benchmarks._sizes import whole_number
from glimpse.crn.data.labels import one_hot
from glimpse.crn.kernels.choosing import emulated, processor, winograd_from
from glimpse.crn.network.checkpoints import save_weights
from glimpse.crn.network.config import PRESETS, NetworkConfig
from glimpse.crn.network.model import CRN, to_images
from glimpse.crn.synthesis.inference import DTYPES, Cascade

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = {"256p": "cityscapes-256p", "512p": "cityscapes-512p", "1024p": "cityscapes-1024p"}


def cpu_seconds() -> float:
    """CPU seconds of this process, all threads."""
    times = os.times()
    return times.user + times.system


def timed(function: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = cpu_seconds()
    function()
    return cpu_seconds() - start


def street(config: NetworkConfig) -> np.ndarray:
    """Make a label map (H, W) uint8 of rectangles in all classes."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, config.classes, (8, 16))
    return np.kron(blocks, np.ones((config.height // 8, config.width // 16), int)).astype(np.uint8)


def operations(config: NetworkConfig) -> float:
    """Multiplications and additions of the convolutions, as published, in tera-operations."""
    total, before = 0, 0
    for (height, width), features in zip(config.sizes, config.features, strict=True):
        total += 2 * 9 * height * width * features * (before + config.classes + features)
        before = features
    return total / 1e12


def make_model(config: NetworkConfig) -> CRN:
    """Build a network with Glorot weights and scales and shifts like a trained one's."""
    chance = torch.Generator().manual_seed(0)
    model = CRN(config, chance).eval().requires_grad_(requires_grad=False)
    for name, value in model.named_parameters():
        if "norm" in name:
            value.add_(torch.randn(value.shape, generator=chance) * 0.2)
    return model


def matmul_rate(dtype: torch.dtype, size: int = 2048) -> Callable[[], float]:
    """Return a function that measures tera-operations a CPU second of a square product."""
    a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    return lambda: 4 * 2 * size**3 / 1e12 / timed(lambda: [a @ b for _ in range(4)])


def tensorflow_graph(model: CRN) -> Callable[[np.ndarray], np.ndarray] | None:
    """Rebuild the network as the authors' TensorFlow graph, float32; None where tensorflow is missing."""
    try:
        import tensorflow as tf
    except ImportError:
        return None
    weights = {name: value.float().numpy() for name, value in model.state_dict().items()}

    def convolve(x: Any, name: str) -> Any:
        kernel, _, number = name.rpartition(".conv")
        y = tf.nn.conv2d(x, weights[f"{name}.weight"].transpose(2, 3, 1, 0), 1, "SAME")
        mean, variance = tf.nn.moments(y, [1, 2, 3], keepdims=True)
        scale, shift = weights[f"{kernel}.norm{number}.scale"], weights[f"{kernel}.norm{number}.shift"]
        y = tf.nn.batch_normalization(y, mean, variance, shift, scale, 1e-12)
        return tf.maximum(0.2 * y, y)

    @tf.function
    def run(labels: Any) -> Any:
        pyramid = [labels]
        for _ in model.config.heights[1:]:
            pyramid.insert(0, tf.nn.avg_pool2d(pyramid[0], 2, 2, "VALID"))
        x: Any = None
        for height, level in zip(model.config.heights, pyramid, strict=True):
            if x is None:
                x = level
            else:
                up = tf.compat.v1.image.resize_bilinear(x, level.shape[1:3], align_corners=True)
                x = tf.concat([up, level], 3)
            x = convolve(convolve(x, f"refinements.{height}.conv1"), f"refinements.{height}.conv2")
        y = tf.nn.conv2d(x, weights["head.weight"].transpose(2, 3, 1, 0), 1, "VALID") + weights["head.bias"]
        return (y + 1) / 2 * 255

    return lambda classes: run(tf.constant(np.eye(model.config.classes, dtype=np.float32)[classes][None]))


def measure_speed(size: str, rounds: int, with_tensorflow: bool) -> None:
    """Print CPU seconds, ratios and grey-level differences of the published network of a size."""
    config = PRESETS[SIZES[size]]
    model, classes = make_model(config), street(config)
    labels = one_hot(classes, config.classes)
    eager = make_model(config).to(memory_format=torch.channels_last)
    fast, small = Cascade(model), Cascade(model, torch.bfloat16)
    maps = torch.from_numpy(classes)
    runs: dict[str, Callable[[], torch.Tensor]] = {
        "eager float32": lambda: eager(labels),
        "ours float32": lambda: whole(fast, maps),
        "ours bfloat16": lambda: whole(small, maps),
    }
    kinds = {"float32": torch.float32}
    if emulated(torch.bfloat16):
        print("eager bfloat16: not run, this processor only emulates its products")
    else:
        kinds["bfloat16"] = torch.bfloat16
        half = make_model(config).to(torch.bfloat16).to(memory_format=torch.channels_last)
        runs["eager bfloat16"] = lambda: half(labels.bfloat16()).float()
    graph = tensorflow_graph(model) if with_tensorflow else None
    if graph:
        runs["reference (TensorFlow)"] = lambda: torch.from_numpy(
            np.asarray(graph(classes)).transpose(0, 3, 1, 2)[:, None].copy()
        )
    peaks = {name: matmul_rate(dtype) for name, dtype in kinds.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    rates: dict[str, list[float]] = {name: [] for name in peaks}
    images = {}
    with torch.inference_mode():
        for name, run in runs.items():
            images[name] = run()  # also warms up
        for _ in range(rounds):
            for name, peak in peaks.items():
                rates[name].append(peak())
            for name, run in runs.items():
                seconds[name].append(timed(run))
    report_speed(config, seconds, rates, images)


def whole(cascade: Cascade, classes: torch.Tensor) -> torch.Tensor:
    """(H, W) -> (1, k, 3, H, W) float32, unclipped: what is compared between dtypes."""
    y = torch.cat([strip for _, strip in cascade.strips(classes)])
    return to_images(y.permute(2, 0, 1)[None], cascade.config.outputs)


def report_speed(
    config: NetworkConfig,
    seconds: dict[str, list[float]],
    rates: dict[str, list[float]],
    images: dict[str, torch.Tensor],
) -> None:
    """Print the table: every ratio is the median of the rounds' ratios."""
    total = operations(config)
    print(f"{processor()}; Winograd from {winograd_from()} channels")
    print(
        f"{config.height}x{config.width}, {total:.2f} tera-operations as published; threads: "
        f"{torch.get_num_threads()}, waiting: {os.environ['OMP_WAIT_POLICY']}; "
        f"load average: {os.getloadavg()[0]:.1f}"
    )
    for name, rate in rates.items():
        print(f"  matmul {name}: {median(rate) * 1000:.0f} giga-operations a CPU second")
    print(f"  {'':24} CPU s   x eager   % of float32 peak   grey levels from eager float32 (max, mean)")
    for name, taken in seconds.items():
        ratio = median(e / t for e, t in zip(seconds["eager float32"], taken, strict=True))
        share = median(total / t / rate for t, rate in zip(taken, rates["float32"], strict=True))
        distance = (images[name] - images["eager float32"]).abs()
        print(
            f"  {name:24} {median(taken):5.1f}   {ratio:7.2f}   {share:17.0%}   "
            f"{float(distance.max()):.2e}  {float(distance.mean()):.2e}"
        )


def measure_memory() -> None:
    """Print the peak memory of whole processes that make one image, for each size and dtype."""
    print("Peak memory of a process that makes one image, everything included (GiB):")
    with tempfile.TemporaryDirectory() as folder:
        for name, preset in SIZES.items():
            for dtype in DTYPES:
                file = f"{folder}/weights.safetensors"
                save_weights(file, make_model(PRESETS[preset]), PRESETS[preset], dtype=DTYPES[dtype])
                command = [sys.executable, __file__, "--one", preset, "--dtype", dtype, "--weights", file]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                print(f"  {name:6} {dtype:9} {done.stdout.strip()}", flush=True)


def make_one(preset: str, dtype: str, weights: str) -> None:
    """Make one image by the weights in a file, as in use, and print this process's peak memory in GiB."""
    import resource

    from glimpse.crn.network.checkpoints import load_weights
    from glimpse.crn.synthesis.inference import DTYPES, Renderer

    loaded = load_weights(weights, dtype=DTYPES[dtype])
    Renderer(loaded.model, dtype=dtype, spend=True)(street(PRESETS[preset])[None])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    print(f"{peak / 1024**2:.2f}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=whole_number(1), default=3, help="rounds, each every peer once")
    parser.add_argument(
        "--threads", type=whole_number(1), default=torch.get_num_threads(), help="threads of every peer"
    )
    parser.add_argument("--size", choices=SIZES, default="256p", help="which of the published networks")
    parser.add_argument("--memory", action="store_true", help="measure peak memory instead of speed")
    parser.add_argument("--tensorflow", action="store_true", help="also the authors' graph, where installed")
    parser.add_argument("--one", choices=sorted(PRESETS), help=argparse.SUPPRESS)
    parser.add_argument("--weights", help=argparse.SUPPRESS)
    parser.add_argument("--dtype", default="float32", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.one:
        make_one(options.one, options.dtype, options.weights)
    elif options.memory:
        measure_memory()
    else:
        measure_speed(options.size, options.rounds, options.tensorflow)


if __name__ == "__main__":
    main()
