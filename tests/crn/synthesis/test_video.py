"""Videos by the ffmpeg that comes along, and grids."""

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest

from glimpse.crn.synthesis.video import image_grid, write_video
from glimpse.errors import GlimpseError


def frames(count, height=16, width=24):
    for number in range(count):
        yield np.full((height, width, 3), number * 40, np.uint8)


def read(path, height=16, width=24):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path)]
    done = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


def test_frames_come_back(tmp_path):
    assert write_video(tmp_path / "new" / "a.mp4", frames(4), 10) == 4
    shown = read(tmp_path / "new" / "a.mp4")
    assert shown.shape == (4, 16, 24, 3)
    assert np.abs(shown[:, 8, 12, 0].astype(int) - [0, 40, 80, 120]).max() <= 4
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.mp4"]


def test_the_same_frames_give_the_same_bytes(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, frames(3))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_odd_sizes_get_one_pixel_more(tmp_path):
    write_video(tmp_path / "a.mp4", frames(2, 15, 23))
    assert read(tmp_path / "a.mp4").shape[0] == 2


def test_what_cannot_be_a_video(tmp_path):
    with pytest.raises(GlimpseError, match=r"a\.gif: a video's name must end in \.mp4, \.mkv, \.mov"):
        write_video(tmp_path / "a.gif", frames(1))
    with pytest.raises(GlimpseError, match="there are no frames to write"):
        write_video(tmp_path / "a.mp4", [])
    with pytest.raises(
        GlimpseError, match=r"frame 2 has shape \(8, 8, 3\), the first \(16, 24, 3\); all must be alike"
    ):
        write_video(tmp_path / "a.mp4", [*frames(1), np.zeros((8, 8, 3), np.uint8)])
    assert not list(tmp_path.iterdir())


def test_a_video_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.mkdir", refuse)
    with pytest.raises(PermissionError) as error:
        write_video(tmp_path / "a.mp4", frames(1))
    assert error.value.filename == str(tmp_path / "a.mp4")


def test_grids_are_as_square_as_they_can_be():
    images = np.stack(list(frames(5, 2, 3)))
    grid = image_grid(images)
    assert grid.shape == (4, 9, 3)
    assert grid[::2, ::3, 0].tolist() == [[0, 40, 80], [120, 160, 0]]
    assert image_grid(images, columns=1).shape == (10, 3, 3)
