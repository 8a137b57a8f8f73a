"""Where a network runs: devices by name."""

from __future__ import annotations

import torch

from glimpse.errors import GlimpseError

KINDS = ("cpu", "cuda", "mps", "xpu")


def find_device(name: str) -> torch.device:
    """Return a device by name, such as cpu or cuda:1; GlimpseError where torch cannot use it."""
    try:
        device = torch.device(name)
        if device.type not in KINDS:
            raise NotImplementedError
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise GlimpseError(
            f"device {name!r} is not available to torch here; use cpu, or cuda (mps) where there is one."
        ) from None
    return device


def out_of_memory(error: Exception) -> bool:
    """Whether this is how torch says that memory is short, on a processor or a GPU."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
