"""How a study's stimuli are read and stored, whichever they are: images, or clips with reference images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

from ..design.encoding import choose
from ..design.stimuli import inspect_all
from ..page.sizes import ShownSize
from .developing import ClipEncoder
from .filming import Filming, filmed, inspect_clips
from .hosted import Encoders, ImageEncoder
from .imaging import Imaging, imaged, pixel_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from glimpse.progress import Track

    from ..design.clip_sources import ClipSource
    from ..design.cuts import CutSettings
    from ..design.encoding import Encoding, Source
    from ..design.stimuli import Key
    from ..page.settings import PageSettings
    from .display import Display
    from .imaging import LookedAt


@dataclass(frozen=True)
class FoundFiles:
    """What a study shows, as it was found: stimuli by condition and item, and reference images by item."""

    images: Mapping[Key, Source]
    clips: Mapping[Key, ClipSource]
    references: Mapping[Key, Source]

    @property
    def stimuli(self) -> Sequence[Source | ClipSource]:
        """All that pairs show."""
        return [*self.images.values(), *self.clips.values()]

    @property
    def sizes(self) -> dict[Key, tuple[int, int]]:
        """Width and height of every stimulus, in pixels."""
        found = {key: one.size for key, one in self.images.items()}
        return found | {key: one.size for key, one in self.clips.items()}

    @property
    def digests(self) -> dict[Key, str]:
        """The SHA-256 of every file."""
        still = {key: one.sha256 for key, one in {**self.images, **self.references}.items()}
        return {**still, **{key: one.sha256 for key, one in self.clips.items()}}


@dataclass(frozen=True)
class Storage:
    """What a requester says of how files are stored; see `Making`."""

    encoding: Encoding
    pixel_ratio: float
    cut: CutSettings


def found(shown: Display, looked: LookedAt, track: Track) -> FoundFiles:
    """Read all that a study shows; GlimpseError as of `inspect_all` and `inspect_clips`."""
    if shown.images.are_clips():
        return FoundFiles(
            {}, inspect_clips(shown.images, shown.pairs, track, others=looked.others), shown.references()
        )
    return FoundFiles(
        inspect_all(shown.images, shown.pairs, track, others=looked.others), {}, shown.references()
    )


def stored(
    shown: Display, looked: LookedAt, sources: FoundFiles, page: PageSettings, asked: Storage, taken_px: int
) -> Imaging | Filming:
    """Decide how all is stored; GlimpseError for what can be said of the other kind alone."""
    if sources.clips:
        limit = pixel_limit(page, asked.encoding, asked.pixel_ratio)
        size = ShownSize(page.width, page.height, page.least_width, taken_px, shown.abreast)
        return filmed(looked, sources.clips, shown.pairs, (asked.encoding, asked.cut), limit, size)
    if asked.cut.stated() or asked.encoding in {"mp4", "webm"}:
        raise GlimpseError(
            f"{shown.images.folder} holds images; --trim, --clip-seconds, --frame-rate, --encode mp4 and "
            "--encode webm are for clips. Leave them out."
        )
    images = {**sources.images, **sources.references}
    return imaged(looked, images, page, asked.encoding, asked.pixel_ratio, taken_px, shown.abreast)


def encoders(
    made: Imaging | Filming,
    sources: FoundFiles,
    names: Mapping[Key, str],
    secret: str,
    target: Path,
    track: Track,
) -> Encoders:
    """Return what makes the files; clips stand aside beside `target` until the study is written."""
    if isinstance(made, Imaging):
        images = {**sources.images, **sources.references}
        return Encoders((ImageEncoder(images, names, secret, made.encoding, made.limit, track),))
    aside = target.with_name(f".{target.name}.clips")
    clips = ClipEncoder(made, names, secret, aside, track)
    if not sources.references:
        return Encoders((clips,))
    encoding = choose("auto", list(sources.references.values()), made.limit)
    references = ImageEncoder(sources.references, names, secret, encoding, made.limit, track)
    return Encoders((clips, references))
