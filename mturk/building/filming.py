"""What is done with a study's clips: how they are cut and stored, and what that changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glimpse.clips import ffmpeg
from glimpse.progress import untracked

from ..design.clip_encoding import Encode, chosen
from ..design.clip_sources import SOUND, UNEVEN, ClipSource, inspect_clip
from ..design.cuts import cut_alike, is_same_rate
from ..design.encoding import hosted_size
from ..design.stimuli import inspect_each
from .imaging import LookedAt, in_bytes, shown_in, size_warnings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from glimpse.progress import Track

    from ..design.cuts import Cut, CutSettings
    from ..design.encoding import Limit
    from ..design.stimuli import Images, Key, Pair
    from ..page.sizes import ShownSize

MOST_SAID = 3


def inspect_clips(
    images: Images, pairs: Iterable[Pair], track: Track = untracked, *, others: Iterable[Key] = ()
) -> dict[Key, ClipSource]:
    """Look at every clip of `pairs` once, and at the `others`, as `inspect_all` does at images.

    GlimpseError that lists all that cannot be shown, or when the sizes of a pair differ.
    """
    ffmpeg()  # said once, not of every clip, where it is missing
    return inspect_each(inspect_clip, "clips", images, pairs, track, others)


def filmed(
    looked: LookedAt,
    sources: Mapping[Key, ClipSource],
    pairs: Iterable[Pair],
    asked: tuple[str, CutSettings],
    limit: Limit,
    size: ShownSize,
) -> Filming:
    """Decide how the clips of a study are stored; `asked` is the encoding, and the cut."""
    encoding, cut = asked
    limit = None if encoding == "keep" else limit
    cuts = cut_alike(sources, pairs, cut, limit)
    how = chosen(encoding, list(sources.values()), [cuts[key] for key in sources])
    return Filming(dict(sources), cuts, looked, how, limit, size)


@dataclass(frozen=True)
class Filming:
    """What was done: the clips looked at and found, how each is cut, all are stored, and they are shown."""

    sources: Mapping[Key, ClipSource]
    cuts: Mapping[Key, Cut]
    looked: LookedAt
    how: Encode
    limit: Limit
    size: ShownSize

    @property
    def encoding(self) -> str:
        """How all are stored, in a word."""
        return "keep" if self.how.keep else self.how.container

    def stored(self) -> Any:
        """What decides a hosted file beside its source."""
        cuts = (
            (*key, cut.width, cut.height, cut.frames, str(cut.rate)) for key, cut in sorted(self.cuts.items())
        )
        return [self.encoding, *cuts]

    def warnings(self) -> Iterator[str]:
        """Say what people's windows are too small for, and which clips move less smoothly than they did."""
        largest = max(cut.width for cut in self.cuts.values()), max(cut.height for cut in self.cuts.values())
        yield from size_warnings(self.size, largest, "clips")
        stepped = [key for key, cut in self.cuts.items() if cut.resampled and self.sources[key].clip.steady]
        if stepped:
            rates = {self.sources[key].clip.frame_rate for key in self.sources}
            said = " and ".join(f"{float(rate):g}" for rate in sorted(rates))
            yield (
                f"The clips have {said} frames a second, and all are shown at {self.rate}: {len(stepped)} of "
                "them repeat or lose frames, which people may see. --frame-rate takes another rate; best is "
                "to generate all at one."
            )

    @property
    def rate(self) -> str:
        """Frames a second of all clips."""
        return f"{float(next(iter(self.cuts.values())).rate):g}"

    def lines(self, file_bytes: int) -> Iterator[tuple[str, str]]:
        """Say what was done, a label and a text a line; `file_bytes` is the size that all files have."""
        stored = f"{self.encoding}, {in_bytes(file_bytes)} each"
        yield "clips", f"{len(self.sources)} under opaque names ({stored}), {self._length()}"
        for text in self.changed():
            yield "", text
        yield "checked", self.looked.said("clips")
        yield "shown", shown_in(self.size)

    def _length(self) -> str:
        lengths = sorted({cut.seconds for cut in self.cuts.values()})
        last = f" to {lengths[-1]:.2f}" if len(lengths) > 1 else ""
        return f"{lengths[0]:.2f}{last} s at {self.rate} frames a second"

    def changed(self) -> Iterator[str]:
        """Say what encoding anew changed, and of how many clips."""
        for change, count in Counter(name for one in self.sources.values() for name in one.changes).items():
            yield f"{count} had {change}{', which is removed' if change == SOUND else ''}"
        rates = Counter(
            (one.clip.frame_rate, self.cuts[key].resampled)
            for key, one in self.sources.items()
            if one.clip.steady and one.clip.frame_rate != self.cuts[key].rate
        )
        for (rate, resampled), count in rates.most_common(MOST_SAID):
            how = "frames repeated or dropped" if resampled else "every frame kept"
            yield f"{count} went from {float(rate):.4g} to {self.rate} frames a second, {how}"
        yield from self._resized()
        yield from self._trimmed()
        kinds = Counter(one.clip.codec for one in self.sources.values() if one.clip.animated)
        for name, count in kinds.items():
            yield f"{count} were {name.upper()}"

    def _resized(self) -> Iterator[str]:
        sizes: Counter[tuple[str, tuple[int, int], tuple[int, int]]] = Counter()
        for key, one in self.sources.items():
            after = self.cuts[key].width, self.cuts[key].height
            if after != one.size:
                how = "scaled down" if hosted_size(one, self.limit) != one.size else "cropped to even sizes"
                sizes[how, one.size, after] += 1
        for (how, before, after), count in sizes.most_common(MOST_SAID):
            yield f"{count} {how}, from {before[0]}x{before[1]} to {after[0]}x{after[1]} pixels"

    def _trimmed(self) -> Iterator[str]:
        longest = [
            one.clip.duration_ms / 1000
            for key, one in self.sources.items()
            if _whole_frames(one, self.cuts[key]) > self.cuts[key].frames
        ]
        if longest:
            yield f"{len(longest)} cut short, of up to {max(longest):.2f} s"


def _whole_frames(source: ClipSource, cut: Cut) -> int:
    """Return how many frames a clip would have that is not cut short."""
    clip = source.clip
    if clip.steady and is_same_rate(clip.frame_rate, cut.rate) and UNEVEN not in source.changes:
        return clip.frames
    return max(1, round(clip.duration_ms * cut.rate / 1000))
