"""What only a GPU can show: that it computes what a processor does, and a training step's time and memory.

    python benchmarks/gpu.py [--device cuda] [--sizes 256,512,1024] [--steps 5]

parity: a narrow network's image, its loss and its gradients on the GPU against float64 on the processor, in
    float32 and bfloat16 (aims: float32 4e-3 grey levels and 1e-3 of the gradients' length).
step: the published network and VGG-19 (random weights: the speed is the same) at each size; seconds a step
    and peak memory, in float32, bfloat16, and bfloat16 with a loss in a window.
two: two processes over nccl (needs two GPUs) train a small network to the weights of one.

Without a GPU it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._sizes import some_of, whole_number
from glimpse.crn.losses.features import VGG19, FeatureNetwork, FeaturePlan, random_features
from glimpse.crn.losses.losses import authors_divisors, feature_matching
from glimpse.crn.network.config import NetworkConfig
from glimpse.crn.network.devices import settle
from glimpse.crn.network.model import CRN
from glimpse.crn.training.feeding import Feeder
from glimpse.crn.training.learner import CRNLearner, cascade
from glimpse.crn.training.schedule import Stage, TrainingSettings

SIZES = {"256": (256, 512), "512": (512, 1024), "1024": (1024, 2048)}
KINDS: dict[str, dict[str, Any]] = {
    "float32": {},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, window": {"precision": "bfloat16", "window": (256, 512)},
}
NARROW = FeaturePlan("random", ((8, 2), (8, 2), (8, 2), (8, 2), (8, 2)))


class Noise:
    """Samples of noise: the speed is that of photographs in memory."""

    def __len__(self) -> int:
        return 4

    def name(self, index: int) -> str:
        """Return what error messages call it."""
        return f"noise {index}"

    def load(self, index: int, size: tuple[int, int]) -> tuple[Any, Any]:
        """Return classes (H, W) and a photo (H, W, 3), uint8."""
        import numpy as np

        rng = np.random.default_rng(index)
        blocks = rng.integers(0, 20, (size[0] // 16, size[1] // 16), np.uint8)
        return blocks.repeat(16, 0).repeat(16, 1), rng.integers(0, 256, (*size, 3), np.uint8)


def one_pass(
    device: str, dtype: torch.dtype, *, mixed: bool = False
) -> tuple[torch.Tensor, float, torch.Tensor]:
    """Return a narrow network's image, its loss and its gradients in a row, on the processor."""
    config = NetworkConfig(height=128, width=256, features=(16,) * 6)
    network = CRN(config, torch.Generator().manual_seed(0)).to(device, dtype)
    features = random_features(1, NARROW).to(device, dtype)
    feeder = Feeder(Noise(), 20, (128, 256), cache_mb=64, device=device)
    batch = feeder.batch([(0, False)], 1.0)
    with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=mixed):
        images = cascade(network, batch.labels.to(dtype), recompute=False, lean=False)[:, 0]
        target = features(batch.photos.to(dtype))
        loss = feature_matching(features(images), target, authors_divisors(256, "cityscapes")).total
    torch.autograd.backward(loss)
    gradients = torch.cat([value.grad.flatten() for value in network.parameters() if value.grad is not None])
    return images.detach().double().cpu(), float(loss.detach()), gradients.double().cpu()


def parity(device: str) -> None:
    """Compare the GPU with float64 on the processor."""
    image, loss, gradients = one_pass("cpu", torch.float64)
    print("parity with float64 on the processor: grey levels (largest, mean), loss, gradients (relative L2)")
    for name, mixed in (("float32", False), ("bfloat16", True)):
        other, value, slopes = one_pass(device, torch.float32, mixed=mixed)
        apart = (other - image).abs()
        print(
            f"  {name:>9}: {apart.max():.2e}, {apart.mean():.2e};  {abs(value / loss - 1):.2e};  "
            f"{(slopes - gradients).norm() / gradients.norm():.2e}"
        )


def step(
    device: str,
    size: tuple[int, int],
    steps: int,
    changes: dict[str, Any],
    *,
    widths: tuple[int, ...] = (),
    plan: FeaturePlan = VGG19,
) -> tuple[float, float]:
    """Train a network, by default the published one, for some steps; returns seconds a step and peak GiB."""
    heights = (512, 1024) if size[0] == 1024 else ()
    stage = Stage(*size, 1, trained_heights=heights)
    settings = TrainingSettings(stages=(stage,), features="vgg19", balance="authors", **changes)
    config = NetworkConfig(height=size[0], width=size[1], features=widths)
    network = CRN(config, torch.Generator().manual_seed(0))
    learner = CRNLearner(network, settings, FeatureNetwork(plan), device=device)
    learner.start_stage(stage, first=True)
    feeder = Feeder(Noise(), 20, size, cache_mb=0, device=device, workers=2)
    learner.prepare(feeder)
    gpu = torch.device(device).type == "cuda"
    if gpu:
        torch.cuda.reset_peak_memory_stats(device)
    for number in range(steps + 3):
        if number == 3:  # cuDNN has tried its ways by now; `learn` waits for the device
            began = time.perf_counter()
        learner.learn(feeder.batch([(number % 4, False)], 1.0), feeder, 1e-4)
    if gpu:
        torch.cuda.synchronize(device)
    seconds = (time.perf_counter() - began) / steps
    feeder.close()
    return seconds, torch.cuda.max_memory_allocated(device) / 2**30 if gpu else 0.0


def steps_of(device: str, sizes: list[str], steps: int) -> None:
    """Print a step's time and memory by size and kind of number."""
    print("training step of the published network with VGG-19: seconds (GiB)")
    for size in sizes:
        cells = []
        for name, changes in KINDS.items():
            try:
                seconds, gib = step(device, SIZES[size], steps, changes)
                cells.append(f"{name} {seconds:.3f} ({gib:.1f})")
            except torch.OutOfMemoryError:
                cells.append(f"{name} out of memory")
            torch.cuda.empty_cache()
        print(f"  {size:>4}p: " + ", ".join(cells), flush=True)


def two_processes() -> None:
    """Run the test of two processes over nccl, where there are two GPUs."""
    import os
    import subprocess

    if torch.cuda.device_count() < 2:
        print("two processes: not run, there is one GPU")
        return
    root = Path(__file__).resolve().parent.parent
    test = "tests/crn/training/test_training.py::test_two_processes_train_the_weights_of_one"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", test],
        cwd=root,
        env={**os.environ, "GLIMPSE_TEST_DEVICE": "cuda"},
        check=False,
    )
    print(f"two processes: {'the weights of one' if done.returncode == 0 else 'FAILED'}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", type=some_of(SIZES), default=list(SIZES))
    parser.add_argument("--steps", type=whole_number(1), default=5)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("No GPU here: parity, step times and memory on a GPU were not run.")
        return
    device = torch.device(options.device)
    settle(device)
    print(f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}")
    parity(options.device)
    steps_of(options.device, options.sizes, options.steps)
    two_processes()


if __name__ == "__main__":
    main()
