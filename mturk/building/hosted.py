"""The files that a study hosts, written into its folder: images encoded, clips encoded, all of one size."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from glimpse.study import Stimulus

from ..design.encoding import Encoding, Limit, Source, encode, extension, hosted_size, keeps_pixels
from ..design.padding import pad, padded_size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from glimpse.progress import Track


class Encoder(Protocol):
    """Makes the files of some stimuli."""

    def stimuli(self) -> dict[str, Stimulus]:
        """Return the stimuli, without digests as yet."""

    def write(self, folder: Path, /) -> dict[str, str]:
        """Write every file into `folder` and return the SHA-256 of each stimulus."""

    def clear(self) -> None:
        """Remove what was kept aside, once the study is written."""


@dataclass(frozen=True)
class Encoders:
    """All that a study hosts: its images, or its clips and their reference images."""

    parts: tuple[Encoder, ...]

    def stimuli(self) -> dict[str, Stimulus]:
        """Return the stimuli, without digests as yet, sorted by their opaque names."""
        return dict(sorted(one for part in self.parts for one in part.stimuli().items()))

    def write(self, folder: Path) -> dict[str, Stimulus]:
        """Write every file into `folder` and return the stimuli with their digests."""
        digests = {name: digest for part in self.parts for name, digest in part.write(folder).items()}
        return {name: replace(one, sha256=digests[name]) for name, one in self.stimuli().items()}

    def clear(self) -> None:
        """Remove what was kept aside, once the study is written."""
        for part in self.parts:
            part.clear()


@dataclass(frozen=True)
class ImageEncoder:
    """Encodes images while they are written, and then pads them to one size: all at once they may not
    fit in memory.
    """

    sources: Mapping[tuple[str, str], Source]
    names: Mapping[tuple[str, str], str]
    secret: str
    encoding: Encoding
    limit: Limit
    track: Track

    def stimuli(self) -> dict[str, Stimulus]:
        """Return the stimuli, without digests as yet, sorted by their opaque names."""
        found = {}
        for key, source in self.sources.items():
            name = self.names[key]
            file = f"{name}.{extension(source, self.encoding)}"
            same = source.sha256 if keeps_pixels(source, self.encoding, self.limit) else ""
            size = source.size if self.encoding == "keep" else hosted_size(source, self.limit)
            found[name] = Stimulus(file, "", *size, same)
        return dict(sorted(found.items()))

    def write(self, folder: Path) -> dict[str, str]:
        """Write every image into `folder` and return the SHA-256 of each stimulus."""
        stimuli = self.stimuli()

        def written(key: tuple[str, str]) -> int:
            data = encode(self.sources[key], self.encoding, self.limit)
            return (folder / stimuli[self.names[key]].file).write_bytes(data)

        def padded(name: str) -> tuple[str, str]:
            path = folder / stimuli[name].file
            data = pad(path.read_bytes(), size, f"{self.secret} {name}")
            path.write_bytes(data)
            return name, hashlib.sha256(data).hexdigest()

        with ThreadPoolExecutor() as pool:
            sizes = list(self.track(pool.map(written, self.sources), "Writing images", len(self.sources)))
            size = padded_size(sizes)
            return dict(pool.map(padded, stimuli))

    def clear(self) -> None:
        """Do nothing: images are made in the study's folder."""
