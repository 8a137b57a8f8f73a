"""How fast a training step is: ours against plain eager float32 at 256p, 512p, 1024p; memory; processes.

    python benchmarks/training.py                     all of it: some ten minutes, up to 14 GiB
    python benchmarks/training.py --sizes 256         one size
    python benchmarks/training.py --skip-published    only the small configuration and two processes
    python benchmarks/training.py --skip-small        all but these

A step is the published generator, VGG-19 on output and photograph (random weights: the speed is the same),
the loss, backward and Adam. The kinds run in turns, each in a process of its own, and process CPU time is
compared: it stays within some 5 % where wall time doubles on a shared machine. The kinds:

    plain      the step as one would first write it: eager, float32, contiguous (NCHW), unfused Adam
    library    the same channels-last with fused Adam
    lean       float32 as `train` runs it on a CPU: less arithmetic for the same gradients (crn/kernels/)
    bfloat16   mixed precision, `train --precision bfloat16`; left out where the processor only emulates it

The ratio is plain over the faster of lean and bfloat16; the table says which. `--json FILE` writes the
numbers.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._sizes import some_of, whole_number

SIZES = {256: (256, 512), 512: (512, 1024), 1024: (1024, 2048)}
HEIGHTS = [str(height) for height in SIZES]
KINDS = ("plain", "library", "lean", "bfloat16")
OURS = ("lean", "bfloat16")  # the best of them counts
AIMS = {256: (1.9, 4.6), 512: (1.7, 6.0), 1024: (1.8, 7.0)}  # ratio, GiB


def peak(bfloat16: bool, threads: int) -> dict[str, float]:
    """Multiply 1024 x 1024 matrices; returns GFLOP a CPU second: what the processor gives at best."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    a = torch.randn(1024, 1024, dtype=torch.bfloat16 if bfloat16 else torch.float32)
    a @ a
    began = time.process_time()
    for _ in range(40):
        a @ a
    return {"gflops": 40 * 2 * 1024**3 / 1e9 / (time.process_time() - began)}


def sample(size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Make a one-hot label map (1, 20, H, W) of blocks and a noise (1, 3, H, W) for a photograph."""
    import torch

    chance = torch.Generator().manual_seed(1)
    ids = torch.randint(20, (1, size[0] // 16, size[1] // 16), generator=chance)
    labels = torch.nn.functional.one_hot(ids, 20).permute(0, 3, 1, 2).float()
    photo = torch.rand(1, 3, *size, generator=chance) * 255
    return torch.nn.functional.interpolate(labels, size), photo


def published_step(height: int, kind: str, steps: int, threads: int) -> dict[str, float]:
    """Time a step of the published network; returns CPU and wall seconds a step, and peak memory in GiB."""
    import torch

    from glimpse.crn.kernels.lean_features import LeanFeatures
    from glimpse.crn.losses.features import VGG19, FeatureNetwork
    from glimpse.crn.losses.losses import authors_divisors, feature_matching
    from glimpse.crn.network.config import NetworkConfig
    from glimpse.crn.network.model import CRN
    from glimpse.crn.training.learner import cascade, channels_last

    if threads:
        torch.set_num_threads(threads)
    size, ours = SIZES[height], kind != "plain"
    network = CRN(NetworkConfig(height=size[0], width=size[1]), torch.Generator().manual_seed(0))
    if height == 1024:
        for name, module in network.refinements.items():
            module.requires_grad_(int(name) in {512, 1024})
    features = FeatureNetwork(VGG19)
    if ours:
        channels_last(network), channels_last(features)
    if kind == "lean":
        features = LeanFeatures(features)
    trained = [value for value in network.parameters() if value.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-4, fused=ours)
    labels, photo = sample(size)
    if ours:
        labels, photo = (x.contiguous(memory_format=torch.channels_last) for x in (labels, photo))
    divisors = authors_divisors(height, "cityscapes")

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bfloat16"):
            images = cascade(network, labels, recompute=False, lean=kind == "lean")[:, 0].float()
            with torch.no_grad():
                target = features(photo)
            loss = feature_matching(features(images), target, divisors).total
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    for value in trained:
        value.grad = torch.zeros_like(value)
    optimizer.step()  # makes Adam's moments; one step is so long that nothing else needs warming up
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(steps):
        step()
    return {
        "cpu": (time.process_time() - cpu) / steps,
        "wall": (time.perf_counter() - wall) / steps,
        "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def apart(function: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """Call a function in a fresh process, so that its peak memory is its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def compare(height: int, kinds: list[str], rounds: int, steps: int, threads: int) -> dict[str, Any]:
    """Run the baseline and ours by turns; the best round of each counts."""
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, found in runs.items():
            found.append(apart(published_step, height, kind, steps, threads))
            print(f"{height}p {kind}: {found[-1]['cpu']:.1f} s, {found[-1]['gib']:.1f} GiB", file=sys.stderr)
    cpu = {kind: min(run["cpu"] for run in found) for kind, found in runs.items()}
    gib = {kind: max(run["gib"] for run in found) for kind, found in runs.items()}
    best = min((kind for kind in OURS if kind in cpu), key=cpu.__getitem__, default="")
    ratio = cpu["plain"] / cpu[best] if best and "plain" in cpu else float("nan")
    return {"height": height, "cpu_s": cpu, "gib": gib, "best": best, "ratio": ratio}


def show(row: dict[str, Any]) -> None:
    """Print a line of the table of published steps."""
    height, best = row["height"], row["best"]
    aim, limit = AIMS[height]
    cells = "".join(
        f"{row['cpu_s'][kind]:8.1f} ({row['gib'][kind]:4.1f})" if kind in row["cpu_s"] else f"{'-':>15}"
        for kind in KINDS
    )
    print(f"{height:>4}p{cells}   {row['ratio']:.2f} by {best} (aim {aim}, {limit} GiB)", flush=True)


SMALL = """
import sys, time, tempfile
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
from glimpse.crn.training.schedule import Stage
from glimpse.crn.training.preparing import assemble, join_processes
from glimpse.crn.training.request import Request
from glimpse.crn.training.sources import DataRequest
from glimpse.crn.training.loop import train
joined = join_processes("cpu")
rank = torch.distributed.get_rank() if joined else 0
request = Request(out=sys.argv[1], name=f"bench-{sys.argv[2]}-{sys.argv[4]}", source=DataRequest(scenes=8),
                  features="random",
                  stages=(Stage(128, 256, float(sys.argv[3])),),
                  settings={"batch": 2, "save_minutes": 1e9})
if sys.argv[4] == "plain":
    from glimpse.crn.kernels import lean_features
    from glimpse.crn.training import learner
    lean_features.suits = learner.suits = lambda x: False
run = assemble(request)
for index in range(8):
    run.pairs.load(index, (128, 256))
clock = {}
def stop():
    clock["n"] = clock.get("n", 0) + 1
    if clock["n"] == 3:
        clock["wall"], clock["cpu"] = time.perf_counter(), time.process_time()
    return False
run.stop = stop
train(run)
if rank == 0:
    done = 2 * (clock["n"] - 3)
    print("RESULT", done / (time.perf_counter() - clock["wall"]), (time.process_time() - clock["cpu"]) / done)
if joined:
    torch.distributed.destroy_process_group()
"""


def small(folder: Path, processes: int, epochs: float, kind: str = "lean") -> tuple[float, float]:
    """Train the small preset's network at 128x256; returns samples a second, and CPU seconds a sample.

    `kind`: lean as `train` does on a CPU, or plain, with the library's convolutions (channels-last).
    """
    script = folder / "small.py"
    script.write_text(SMALL)
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(launch if processes > 1 else []), str(script)]
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [*command, str(folder), str(processes), str(epochs), kind],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    rate, cpu = line.split()[1:]
    return float(rate), float(cpu)


def scaling() -> dict[str, float]:
    """Measure and print the small configuration, in one process and in two."""
    with tempfile.TemporaryDirectory() as folder:
        plain, plain_cpu = small(Path(folder), 1, 4, "plain")
        one, one_cpu = small(Path(folder), 1, 4)
        two, two_cpu = small(Path(folder), 2, 8)
    print("small configuration, 128x256, batches of 2, one thread: samples/s (CPU s a sample)")
    print(f"  library {plain:.2f} ({plain_cpu:.3f}), lean {one:.2f} ({one_cpu:.3f}): ", end="")
    print(f"{plain_cpu / one_cpu:.2f} times by CPU time")
    print(f"  two processes (gloo), the same global batch: {two:.2f} ({two_cpu:.3f} each), ", end="")
    print(f"{two / one:.2f} times; by CPU time {one_cpu / two_cpu:.2f}, if there are two idle cores")
    return {
        "library": plain, "one": one, "two": two, "scaling": two / one,
        "cpu_library": plain_cpu, "cpu_one": one_cpu, "cpu_two": two_cpu,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=some_of(HEIGHTS), default=HEIGHTS)
    parser.add_argument("--rounds", type=whole_number(1), default=1)
    parser.add_argument("--steps", type=whole_number(1), default=1)
    parser.add_argument("--threads", type=whole_number(0), default=0, help="0: as many as torch takes")
    parser.add_argument("--kinds", type=some_of(KINDS), default=list(KINDS))
    parser.add_argument("--skip-published", action="store_true")
    parser.add_argument("--skip-small", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    import torch

    results: dict[str, Any] = {}
    if not options.skip_published:
        from glimpse.crn.kernels.choosing import emulated, processor, winograd_from

        print(f"{processor()}; Winograd from {winograd_from()} channels")
        types = {"float32": False}
        if emulated(torch.bfloat16):
            print("bfloat16: not run, this processor only emulates its products")
            options.kinds = [kind for kind in options.kinds if kind != "bfloat16"]
        else:
            types["bfloat16"] = True
        flops = {name: apart(peak, half, options.threads)["gflops"] for name, half in types.items()}
        rates = ", ".join(f"{kind} {rate:.0f}" for kind, rate in flops.items())
        print(f"matrix product, GFLOP a CPU second: {rates}")
        print("CPU seconds a step (GiB)")
        print("size " + "".join(f"{kind:>15}" for kind in KINDS) + "   plain / ours")
        results |= {"peak": flops, "published": []}
        for height in map(int, options.sizes):
            row = compare(height, options.kinds, options.rounds, options.steps, options.threads)
            show(row)
            results["published"].append(row)
    if not options.skip_small:
        results["small"] = scaling()
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
