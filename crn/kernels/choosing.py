"""Which way to convolve is faster on this processor: measured once, and remembered.

Winograd's convolution takes a quarter of the products and pays for it with transforms. Whether that is a
bargain depends on the processor: with AVX-512 it is from 64 channels on, on others from 256 or never. So the
first network that could use it measures both ways for a fraction of a second; the outcome is kept for the
process and, by processor, PyTorch and threads, in a file, so that later runs choose, and round, alike.
"""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from glimpse.files import write_whole

from .strips import FeatureMap, Scratch, winograd_kernel, winograd_whole

if TYPE_CHECKING:
    from collections.abc import Callable

CHANNELS = (64, 128, 256)  # at which both ways are measured; what holds at the last holds beyond
NEVER = 1 << 30
GAIN = 1.1  # Winograd's rounding is the coarser, so it must be worth it
FIXED = "GLIMPSE_WINOGRAD_FROM"  # environment: a number of channels instead of measuring
EMULATED = 3.0  # bfloat16 products that take so many times as long as float32's are not the processor's own

_chosen: dict[int, int] = {}  # by number of threads


def winograd_from() -> int:
    """Return the number of channels from which Winograd's convolution is the faster one here.

    Of the environment's GLIMPSE_WINOGRAD_FROM, `use`, the file of earlier measurements, and a measurement,
    the first that there is.
    """
    if FIXED in os.environ:
        return int(os.environ[FIXED])
    threads = torch.get_num_threads()
    if threads not in _chosen:
        known = _remembered()
        name = f"{processor()}, torch {torch.__version__}, {threads} threads"
        if not isinstance(known.get(name), int):
            known[name] = measure()
            _remember(known)
        _chosen[threads] = known[name]
    return _chosen[threads]


def use(channels: int) -> None:
    """Choose as an earlier run did, whatever would be measured now: a resumed run must round alike."""
    _chosen[torch.get_num_threads()] = channels


def measure(clock: Callable[[], float] = time.process_time) -> int:
    """Time both ways and return the least number of channels from which Winograd's gains 10 % or more."""
    found = NEVER
    for channels in reversed(CHANNELS):
        plain, transformed = _seconds(channels, clock)
        if plain < GAIN * transformed:
            break
        found = channels
    return found


@torch.inference_mode()
def _seconds(channels: int, clock: Callable[[], float]) -> tuple[float, float]:
    """Return CPU seconds of a convolution of 32 x 64 pixels as it is, and by Winograd; the best of three."""
    rows = torch.ones(32, 64, channels)
    kernel = torch.ones(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)
    given, weights, made = rows.permute(2, 0, 1)[None], winograd_kernel(kernel), torch.empty_like(rows)
    scratch = Scratch()
    ways: tuple[Callable[[], object], ...] = (
        lambda: functional.conv2d(given, kernel, padding=1),
        lambda: winograd_whole(FeatureMap(rows), weights, FeatureMap(made), scratch),
    )
    best = [float("inf")] * 2
    for _ in range(3):
        for place, way in enumerate(ways):
            began = clock()
            way()
            best[place] = min(best[place], clock() - began)
    return best[0], best[1]


@cache
def emulated(dtype: torch.dtype) -> float:
    """Return how many times as long as float32's this type's products take on the processor; 0 where fewer
    than `EMULATED` times: the type is the processor's own.
    """
    best = []
    for kind in (torch.float32, dtype):
        a = torch.ones(192, 192, dtype=kind)
        times = []
        for _ in range(3):
            began = time.process_time()
            a @ a
            times.append(time.process_time() - began)
        best.append(min(times))
    ratio = best[1] / max(best[0], 1e-6)
    return ratio if ratio > EMULATED else 0.0


def processor() -> str:
    """Return the processor's name and its widest instructions, as PyTorch sees them."""
    facts = Path("/proc/cpuinfo")
    named = ""
    with suppress(OSError):
        named = facts.read_text(encoding="utf-8").partition("model name")[2].partition("\n")[0].lstrip("\t :")
    return (
        f"{named or platform.processor() or platform.machine()} ({torch.backends.cpu.get_cpu_capability()})"
    )


def _file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "glimpse" / "kernels.json"


def _remembered() -> dict[str, int]:
    """Return what the file holds; nothing where it is absent or damaged."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(known: dict[str, int]) -> None:
    """Write the file, where one may: without it the next process measures again."""
    with suppress(OSError, RuntimeError):
        path = _file()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(known, indent=1) + "\n")
