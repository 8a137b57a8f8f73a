"""One run as several processes, as `torchrun` starts them: who does what, and waiting for each other."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from glimpse.errors import GlimpseError


@dataclass(frozen=True)
class Shard:
    """Process `rank` of `count`; one of one when the run is not shared."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this process plans, records and speaks."""
        return self.rank == 0

    def share(self, items: list[Any]) -> list[Any]:
        """Return this process's part of `items`; the parts are disjoint and cover all."""
        return items[self.rank :: self.count]

    def agree(self, value: Any) -> Any:
        """Return what the first process passes, in every process."""
        if self.count == 1:
            return value
        import torch.distributed as dist

        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.count > 1:
            import torch.distributed as dist

            dist.barrier()

    def device(self, name: str) -> str:
        """Spread processes over the GPUs of a machine: cuda -> cuda:<local rank>."""
        return f"cuda:{self.local_rank}" if name == "cuda" and self.count > 1 else name

    def leave(self) -> None:
        """End the communication between the processes."""
        if self.count > 1:
            import torch.distributed as dist

            dist.destroy_process_group()


def join_shards() -> Shard:
    """Read torchrun's environment (RANK, WORLD_SIZE, ...), meet the other processes, return our place."""
    count = _whole("WORLD_SIZE", 1)
    if count <= 1:
        return Shard()
    shard = Shard(_whole("RANK", 0), count, _whole("LOCAL_RANK", 0))
    if not 0 <= shard.rank < count:
        raise GlimpseError(f"RANK is {shard.rank}; with WORLD_SIZE {count} it must be 0 to {count - 1}.")
    if "MASTER_ADDR" not in os.environ:
        raise GlimpseError("WORLD_SIZE is set, MASTER_ADDR is not; start processes with `torchrun`.")
    import torch.distributed as dist

    dist.init_process_group("gloo", rank=shard.rank, world_size=count)
    return shard


def _whole(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise GlimpseError(f"environment variable {name} is {text!r}; torchrun sets it to a whole number.")
    return int(text)
