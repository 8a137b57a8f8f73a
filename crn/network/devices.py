"""Where a network runs: devices by name."""

from __future__ import annotations

import os

import torch

from glimpse.errors import GlimpseError

KINDS = ("cpu", "cuda", "mps", "xpu")


def find_device(name: str) -> torch.device:
    """Return a device by name, such as cpu or cuda:1; GlimpseError where torch cannot use it.

    "cuda" in one of several processes of torchrun is its own GPU: none of them touches another's.
    """
    try:
        device = torch.device(name)
        if device.type not in KINDS:
            raise NotImplementedError
        if device == torch.device("cuda") and int(os.environ.get("WORLD_SIZE", "1")) > 1:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise GlimpseError(
            f"device {name!r} is not available to torch here; use cpu, or cuda (mps) where there is one."
        ) from None
    return device


def settle(device: torch.device) -> None:
    """Set a GPU up for networks of one size: choose convolutions by trying, and mean float32 by float32.

    By default cuDNN multiplies float32 in TensorFloat-32, with 10 bits: differences of whole grey levels,
    where thousandths are promised. Whoever wants speed says bfloat16.
    """
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


def out_of_memory(error: Exception) -> bool:
    """Whether this is how torch says that memory is short, on a processor or a GPU."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
