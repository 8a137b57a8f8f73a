"""A sequence of images to an mp4, through the ffmpeg that imageio-ffmpeg brings along."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glimpse.errors import GlimpseError
from glimpse.files import naming

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTAINERS = (".mp4", ".mkv", ".mov")


def check_video_path(path: Path | str) -> Path:
    """Return `path`; GlimpseError when its suffix names no container that is written here."""
    path = Path(path)
    if path.suffix.lower() not in CONTAINERS:
        raise GlimpseError(f"{path}: a video's name must end in {', '.join(CONTAINERS)}.")
    return path


def write_video(
    path: Path | str, frames: Iterable[np.ndarray], frames_per_second: float = 17.0, *, crf: int = 18
) -> int:
    """Write (H, W, 3) uint8 RGB frames of one size as H.264 (yuv420p); return how many.

    `crf` is x264's: 0 is lossless, 18 looks so. The file appears whole or not at all; the same frames give
    the same bytes on one machine. Odd sizes get one more row or column. Raises GlimpseError without frames,
    for frames of two sizes, and when ffmpeg fails.
    """
    path = check_video_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        whole = Path(folder) / path.name
        count = _encode(whole, frames, frames_per_second, crf)
        if not count:
            raise GlimpseError(f"{path}: there are no frames to write.")
        whole.replace(path)
    return count


def _encode(path: Path, frames: Iterable[np.ndarray], frames_per_second: float, crf: int) -> int:
    import imageio_ffmpeg

    writer, shape, count = None, None, 0
    try:
        for frame in frames:
            if writer is None:
                shape = frame.shape
                writer = imageio_ffmpeg.write_frames(
                    str(path),
                    (shape[1], shape[0]),
                    fps=frames_per_second,
                    codec="libx264",
                    quality=None,
                    macro_block_size=1,
                    output_params=[
                        *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-crf", str(crf), "-preset", "medium"),
                        *("-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact"),
                        *("-map_metadata", "-1", "-movflags", "+faststart"),
                    ],
                )
                writer.send(None)
            if frame.shape != shape:
                raise GlimpseError(
                    f"frame {count + 1} has shape {frame.shape}, the first {shape}; all must be alike."
                )
            writer.send(np.ascontiguousarray(frame))
            count += 1
    except OSError as error:
        raise GlimpseError(f"{path.name}: ffmpeg could not write the video: {error}.") from None
    finally:
        if writer is not None:
            writer.close()
    return count


def image_grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Lay out (k, H, W, 3) uint8 images in rows of `columns` (default: as square as possible), no gaps."""
    count, height, width, _ = images.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    canvas = np.zeros((rows * height, columns * width, 3), dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * height, index % columns * width
        canvas[top : top + height, left : left + width] = image
    return canvas
