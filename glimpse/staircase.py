"""The staircase of HYPE-time: which exposure an image gets, by the answers before it in its block. Pure.

Zhou et al. (2019), "HYPE: A Benchmark for Human eYe Perceptual Evaluation of Generative Models" (NeurIPS
2019, arXiv 1904.01121), the part on HYPE-time. The numbers below are the paper's as our notes have them; its
text was not at hand when this was written, so that no section is named.

Each block begins anew. After an error the next image is shown for longer, after some right answers in a row
for a shorter time, within limits. A worker's threshold is the mean over blocks of the exposure shown most
often.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, fields
from statistics import fmean
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST_MS = 60_000


@dataclass(frozen=True)
class StaircaseSettings:
    """How exposures follow from answers, in ms.

    `start_ms` opens each block; exposures stay within `least_ms` and `most_ms`. After an error the next is
    `longer_ms` longer, after `rights` right answers in a row `shorter_ms` shorter, and the count begins anew.

    >>> StaircaseSettings().target
    0.63
    >>> StaircaseSettings(longer_ms=30, shorter_ms=10, rights=1).target
    0.75
    """

    start_ms: int = 500
    least_ms: int = 100
    most_ms: int = 1000
    longer_ms: int = 10
    shorter_ms: int = 30
    rights: int = 3

    def __post_init__(self) -> None:
        """Refuse what no staircase can be; GlimpseError names the field."""
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or not 1 <= value <= LONGEST_MS:
                raise GlimpseError(
                    f"staircase: {field.name} is {value!r}; it must be a whole number from 1 to {LONGEST_MS}."
                )
        if not self.least_ms <= self.start_ms <= self.most_ms:
            raise GlimpseError(
                f"staircase: start_ms is {self.start_ms}; it must be from least_ms ({self.least_ms}) to "
                f"most_ms ({self.most_ms})."
            )

    @property
    def target(self) -> float:
        """The share of right answers at which the staircase stays where it is, rounded.

        A run of answers ends in an error, or in `rights` right ones with probability p ** rights; it goes as
        far down as up where p ** rights = longer / (longer + shorter).
        """
        balance = self.longer_ms / (self.longer_ms + self.shorter_ms)
        return round(float(balance ** (1 / self.rights)), 3)

    def to_json(self) -> dict[str, int]:
        """Return the settings as study.json holds them."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> StaircaseSettings:
        """Read what `to_json` wrote; GlimpseError for unknown keys and values that cannot be."""
        known = [field.name for field in fields(cls)]
        if not isinstance(value, dict) or set(value) - set(known):
            raise GlimpseError(f"staircase is {value!r}; it may have {', '.join(known)}.")
        return cls(**value)


def next_exposure(settings: StaircaseSettings, right: Sequence[bool]) -> int:
    """Return the exposure in ms of the next image of a block, by the answers before it in this block.

    >>> next_exposure(StaircaseSettings(), []), next_exposure(StaircaseSettings(), [True, True, True])
    (500, 470)
    >>> next_exposure(StaircaseSettings(), [True, True, False])
    510
    """
    return exposures(settings, right)[-1]


def exposures(settings: StaircaseSettings, right: Sequence[bool]) -> list[int]:
    """Return the exposures of a block: of each image answered so far, and of the next.

    >>> exposures(StaircaseSettings(), [False, False, True])
    [500, 510, 520, 520]
    """
    found, in_a_row = [settings.start_ms], 0
    for answer in right:
        step = 0
        in_a_row = in_a_row + 1 if answer else 0
        if not answer:
            step = settings.longer_ms
        elif in_a_row == settings.rights:
            step, in_a_row = -settings.shorter_ms, 0
        found.append(min(settings.most_ms, max(settings.least_ms, found[-1] + step)))
    return found


def modal_exposure(shown: Sequence[float]) -> float:
    """Return the exposure that a block showed most often; of several, their mean.

    >>> modal_exposure([500, 470, 470, 440]), modal_exposure([500, 470])
    (470.0, 485.0)
    """
    counts = Counter(shown)
    most = max(counts.values())
    return fmean(one for one, count in counts.items() if count == most)


def threshold_ms(blocks: Mapping[Any, Sequence[float]]) -> float:
    """Return a worker's threshold: the mean over blocks of the exposure shown most often.

    >>> threshold_ms({1: [500, 470, 470], 2: [500, 500, 510]})
    485.0
    """
    return fmean(modal_exposure(shown) for shown in blocks.values())
