"""How the clips of a study are cut alike: one frame rate, even sizes, and one length for those of a pair."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

from .encoding import hosted_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .clip_sources import ClipSource
    from .encoding import Limit
    from .stimuli import Key, Pair

# Rates nearer than this share are taken for one: every frame is kept, and plays a little faster or slower.
_SAME_RATE = Fraction(1, 200)
_FASTEST = 60


@dataclass(frozen=True)
class CutSettings:
    """What a requester says of the clips' cut.

    trim: cut clips to the shortest of those that are shown together. seconds: cut all to at most this.
    frame_rate: frames a second of all clips; None: what `common_rate` takes.
    """

    trim: bool = False
    seconds: float | None = None
    frame_rate: float | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0.1 <= self.seconds <= 600:
            raise GlimpseError(f"--clip-seconds is {self.seconds:g}; allowed are 0.1 to 600.")
        if self.frame_rate is not None and not 1 <= self.frame_rate <= 120:
            raise GlimpseError(f"--frame-rate is {self.frame_rate:g}; allowed are 1 to 120 frames a second.")

    def stated(self) -> bool:
        """Tell whether anything is asked for, which has no effect on images."""
        return self != CutSettings()


@dataclass(frozen=True)
class Cut:
    """How one clip is encoded: its size in pixels, its frames and their rate.

    resampled: frames are dropped or repeated to keep the speed; else each frame of the source is one.
    """

    width: int
    height: int
    frames: int
    rate: Fraction
    resampled: bool

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return float(self.frames / self.rate)


def cut_alike(
    sources: Mapping[Key, ClipSource], pairs: Iterable[Pair], asked: CutSettings, limit: Limit
) -> dict[Key, Cut]:
    """Say how each clip is cut; GlimpseError for a pair of different lengths, unless they are trimmed.

    Clips that are shown together, directly or by way of others, are trimmed to the shortest of them: so a
    length says nothing of the condition.
    """
    rate = common_rate([source.clip.frame_rate for source in sources.values() if source.clip.steady], asked)
    if rate is None:
        rate = _uneven_rate(sources.values())
    cuts = {key: _whole(source, rate, asked, limit) for key, source in sources.items()}
    if asked.trim:
        return _trimmed(cuts, pairs)
    for left, right in dict.fromkeys(pairs):
        if cuts[left].frames != cuts[right].frames:
            raise GlimpseError(_lengths((sources[left], cuts[left]), (sources[right], cuts[right])))
    return cuts


def common_rate(rates: Sequence[Fraction], asked: CutSettings) -> Fraction | None:
    """Return the one rate of all clips: as asked, or the highest, so that no clip loses frames.

    Of rates that are nearly one (29.97 and 30) it is the commonest. None where no clip has a constant rate.

    >>> common_rate([Fraction(30000, 1001), Fraction(30), Fraction(30), Fraction(24)], CutSettings())
    Fraction(30, 1)
    """
    if asked.frame_rate is not None:
        return Fraction(asked.frame_rate).limit_denominator(1001)
    if not rates:
        return None
    near = Counter(rate for rate in rates if is_same_rate(rate, max(rates)))
    return max(near, key=lambda rate: (near[rate], rate))


def is_same_rate(rate: Fraction, other: Fraction) -> bool:
    """Tell whether two rates differ by so little that nobody sees it."""
    return abs(rate / other - 1) <= _SAME_RATE


def _uneven_rate(sources: Iterable[ClipSource]) -> Fraction:
    """Return a rate at which the shortest of the clips' frames is one frame, up to 60 a second."""
    gaps = [
        after - before
        for source in sources
        for before, after in zip(source.clip.times_ms, source.clip.times_ms[1:], strict=False)
        if after > before
    ]
    return min(Fraction(_FASTEST), Fraction(max(1, round(1000 / min(gaps, default=1000 / 25)))))


def _whole(source: ClipSource, rate: Fraction, asked: CutSettings, limit: Limit) -> Cut:
    """Return the cut of one clip that is not trimmed: its speed is kept."""
    clip = source.clip
    resampled = not (clip.steady and is_same_rate(clip.frame_rate, rate))
    frames = max(1, round(clip.duration_ms * rate / 1000)) if resampled else clip.frames
    if asked.seconds is not None:
        frames = min(frames, max(1, round(asked.seconds * rate)))
    if frames < 2:
        raise GlimpseError(
            f"{clip.path} is {clip.duration_ms / 1000:.2f} s long, and would have one frame at "
            f"{float(rate):g} frames a second; a clip has two or more. Raise --frame-rate or --clip-seconds."
        )
    width, height = hosted_size(source, limit)
    if min(width, height) < 2:
        raise GlimpseError(
            f"{clip.path} is {clip.width}x{clip.height}; a clip has 2 pixels each way at least."
        )
    return Cut(width - width % 2, height - height % 2, frames, rate, resampled)


def _trimmed(cuts: Mapping[Key, Cut], pairs: Iterable[Pair]) -> dict[Key, Cut]:
    """Cut each group of clips that pairs connect to the shortest of the group."""
    group = {key: key for key in cuts}

    def head(key: Key) -> Key:
        while group[key] != key:
            group[key] = group[group[key]]
            key = group[key]
        return key

    for left, right in dict.fromkeys(pairs):
        group[head(left)] = head(right)
    shortest: dict[Key, int] = {}
    for key, cut in cuts.items():
        shortest[head(key)] = min(cut.frames, shortest.get(head(key), cut.frames))
    return {
        key: Cut(cut.width, cut.height, shortest[head(key)], cut.rate, cut.resampled)
        for key, cut in cuts.items()
    }


def _lengths(left: tuple[ClipSource, Cut], right: tuple[ClipSource, Cut]) -> str:
    (one, cut), (other, other_cut) = left, right
    return (
        f"{one.path} is {cut.seconds:.2f} s long ({cut.frames} frames) and {other.path} "
        f"{other_cut.seconds:.2f} s ({other_cut.frames} frames); clips shown side by side must be equally "
        "long. Cut them to the shorter one with --trim, or all of them with --clip-seconds."
    )
