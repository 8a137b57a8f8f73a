"""Small clips for tests, made by the ffmpeg that imageio-ffmpeg brings along."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from PIL import Image

from glimpse.clips import ffmpeg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def run(*options: str | Path) -> None:
    """Run ffmpeg with these options; AssertionError says what it said."""
    command = [ffmpeg(), "-v", "error", "-y", "-nostdin", *map(str, options)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def record(
    path: Path,
    *,
    frames: int = 8,
    rate: str = "25",
    size: str = "64x64",
    sound: bool = False,
    source: str = "testsrc2",
    options: Sequence[str] = ("-pix_fmt", "yuv420p"),
) -> Path:
    """Write a clip of a moving test pattern, in what its ending names; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    heard = ["-f", "lavfi", "-i", "sine", "-shortest"] if sound else []
    pattern = f"{source}=size={size}:rate={rate}"
    run("-f", "lavfi", "-i", pattern, *heard, "-frames:v", str(frames), *options, path)
    return path


def animate(
    path: Path, *, frames: int = 8, size: tuple[int, int] = (64, 64), ms: Sequence[int] = (40,)
) -> Path:
    """Write an animated image by Pillow; `ms` is how long its frames stay, each in turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [Image.new("RGB", size, (30 * place % 256, 90, 200)) for place in range(frames)]
    stay = [ms[place % len(ms)] for place in range(frames)]
    kind = {".gif": "GIF", ".webp": "WEBP"}.get(path.suffix, "PNG")
    made[0].save(path, kind, save_all=True, append_images=made[1:], duration=stay, loop=0)
    return path
