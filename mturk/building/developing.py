"""Clips encoded for a study: on every core, kept aside until the study is written, and filled to one size."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.animated import UnreadableClipError
from glimpse.clips import ffmpeg_version
from glimpse.errors import GlimpseError
from glimpse.files import file_digest
from glimpse.study import Stimulus

from ..design.clip_encoding import encode_clip
from ..design.clip_padding import common_sizes, pad_clip, parts_of, stated_codec
from ..design.stimuli import listed_faults

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from glimpse.progress import Track

    from ..design.clip_sources import ClipSource
    from ..design.stimuli import Key
    from .filming import Filming


def cores() -> int:
    """Return how many cores this program may use: as many clips are encoded at once, one on each."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class ClipEncoder:
    """Encodes the clips of a study while it is written.

    `aside` is a folder where each encoded clip stays until the study is there, so that a build that was
    stopped goes on: its name says what it was made from and how.
    """

    filming: Filming
    names: Mapping[Key, str]
    secret: str
    aside: Path
    track: Track

    def stimuli(self) -> dict[str, Stimulus]:
        """Return the stimuli, without digests as yet, sorted by their opaque names."""
        found = {}
        keep, ending = self.filming.how.keep, self.filming.how.container
        for key, source in self.filming.sources.items():
            cut, name = self.filming.cuts[key], self.names[key]
            found[name] = Stimulus(
                f"{name}.{ending}",
                "",
                cut.width,
                cut.height,
                source.sha256 if keep else "",
                frames=cut.frames,
                frame_rate=float(cut.rate),
            )
        return dict(sorted(found.items()))

    def write(self, folder: Path) -> dict[str, str]:
        """Write every clip into `folder` and return the SHA-256 of each stimulus.

        GlimpseError that lists the clips that turn out to be damaged; the others stay encoded.
        """
        self.aside.mkdir(parents=True, exist_ok=True)
        keys = list(self.filming.sources)
        pool = ThreadPoolExecutor(cores())
        try:
            made = list(self.track(pool.map(self._encoded, keys), "Encoding clips", len(keys)))
            if problems := [one for one in made if isinstance(one, GlimpseError)]:
                raise self._refused(listed_faults(problems, f"{len(keys)} clips"))
            encoded = {
                key: path for key, path in zip(keys, made, strict=True) if not isinstance(path, GlimpseError)
            }
            self._check_alike(encoded)
            sizes = common_sizes(pool.map(_sizes, encoded.values()))
            ending = self.filming.how.container

            def padded(key: Key) -> tuple[str, str]:
                name = self.names[key]
                data = pad_clip(encoded[key].read_bytes(), sizes, f"{self.secret} {name}")
                (folder / f"{name}.{ending}").write_bytes(data)
                return name, hashlib.sha256(data).hexdigest()

            return dict(pool.map(padded, keys))
        finally:
            pool.shutdown(cancel_futures=True)

    def _refused(self, error: GlimpseError) -> GlimpseError:
        """Return the error with where the other clips are kept; nothing is left where there are none."""
        kept = sum(1 for path in self.aside.iterdir() if not path.name.startswith("."))
        if not kept:
            self.clear()
            return error
        return GlimpseError(
            f"{error}\nThe clips that were encoded ({kept}) stay in {self.aside}: the next build takes them "
            "from there. Delete the folder if there is to be none."
        )

    def clear(self) -> None:
        """Remove what was kept aside, once the study is written, or where no build can go on from it."""
        shutil.rmtree(self.aside, ignore_errors=True)

    def _encoded(self, key: Key) -> Path | GlimpseError:
        """Return where a clip is encoded, now or by an earlier build; or what is wrong with its file."""
        source, cut, how = self.filming.sources[key], self.filming.cuts[key], self.filming.how
        said = json.dumps([source.sha256, how.options(source, cut), ffmpeg_version()])
        path = self.aside / f"{hashlib.sha256(said.encode()).hexdigest()[:40]}.{how.container}"
        if path.is_file():
            return path
        part = self.aside / f".{secrets.token_hex(6)}.{how.container}"
        try:
            if file_digest(source.path) != source.sha256:
                return GlimpseError(f"{source.path} changed while the study was built; run build-hits again.")
            encode_clip(source, cut, how, part)
            # Only what is whole gets its name: a build that is killed leaves nothing that another would take.
            part.replace(path)
        except UnreadableClipError as error:
            return error
        finally:
            part.unlink(missing_ok=True)
        return path

    def _check_alike(self, encoded: Mapping[Key, Path]) -> None:
        """Refuse clips that were kept as they are, and whose headers tell which program encoded them."""
        if not self.filming.how.keep:
            return
        first: ClipSource | None = None
        for key, path in encoded.items():
            source, stated = self.filming.sources[key], stated_codec(path.read_bytes())
            if first is None:
                first, expected = source, stated
            elif stated != expected:
                self.clear()
                raise GlimpseError(
                    f"{first.path} and {source.path} are not encoded alike: a program in the browser could "
                    "tell conditions by their headers. Use --encode mp4 or webm."
                )


def _sizes(path: Path) -> tuple[int, int]:
    return parts_of(path.read_bytes()).sizes
