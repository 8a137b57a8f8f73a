"""Answers about single images, as arrays: who said of which image that it is real or generated, and how sure.

The real images that tell how often people err on them are those of the same people: the answers about real
images that belong to a condition come from the assignments that show this condition. Where every assignment
shows every condition these are all of them; where each system has people of its own, as in HYPE (Zhou et al.
2019), each has real answers of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.errors import GlimpseError, NothingLeftError
from glimpse.text import counted

from .choices import CLUSTERS
from .clustering import Entries, gram, joint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .clustering import Codes, Floats, Gram
    from .preference import Intervals

    Flags = NDArray[np.bool_]

ANSWER = "answer"  # what one worker says of one image


@dataclass(frozen=True, eq=False)
class SingleAnswers:
    """N answers about single images.

    worker, image, condition, exposure: (N,) codes from 0; an image is of one condition. generated: (N,) the
    truth. rating: (N,) whole numbers, below 0 for real, above 0 for generated, the farther from 0 the surer;
    none is 0. assignment: (N,) codes; None: a worker has one. conditions, exposures_ms: what the codes stand
    for; an exposure without a limit is NaN. GlimpseError where these do not fit.
    """

    worker: Codes
    image: Codes
    condition: Codes
    exposure: Codes
    generated: Flags
    rating: NDArray[np.integer[Any]]
    conditions: tuple[str, ...]
    exposures_ms: tuple[float, ...] = (np.nan,)
    assignment: Codes | None = None

    def __post_init__(self) -> None:
        N = len(self.worker)
        columns = ("worker", "image", "condition", "exposure", "generated", "rating")
        if not N:
            raise NothingLeftError("there are no answers about single images to analyse.")
        for name in columns:
            size = len(getattr(self, name))
            if size != N:
                raise GlimpseError(f"{name} has {counted(size, 'value')} for {counted(N, 'answer')}.")
        if (self.rating == 0).any():
            raise GlimpseError("a rating is 0; every answer says real (below 0) or generated (above 0).")
        for name, of in (("condition", self.conditions), ("exposure", self.exposures_ms)):
            codes = getattr(self, name)
            if codes.min() < 0 or codes.max() >= len(of):
                raise GlimpseError(f"{name} has codes up to {codes.max()}; {len(of)} are named.")
        both = np.intersect1d(self.condition[self.generated], self.condition[~self.generated])
        if len(both):
            raise GlimpseError(
                f"condition {self.conditions[both[0]]!r} has real and generated images; each has one kind."
            )

    @property
    def said_generated(self) -> Flags:
        """Which answers say that the image is generated: (N,)."""
        return np.asarray(self.rating > 0)

    @property
    def generated_conditions(self) -> tuple[int, ...]:
        """The codes of the conditions with generated images that have answers."""
        return tuple(int(code) for code in np.unique(self.condition[self.generated]))

    def where(self, keep: Flags | Codes) -> SingleAnswers:
        """Some of them."""
        return SingleAnswers(
            self.worker[keep], self.image[keep], self.condition[keep], self.exposure[keep],
            self.generated[keep], self.rating[keep], self.conditions, self.exposures_ms,
            None if self.assignment is None else self.assignment[keep],
        )  # fmt: skip

    def tally(self) -> DetectionTally:
        """What the statistics need of them."""
        return DetectionTally.of(self)


@dataclass(frozen=True, eq=False)
class DetectionTally:
    """Answers counted in G groups of those alike in everything but worker and image.

    condition, exposure, rating, generated: (G,). shows: (G, conditions) of real answers, whether their
    assignments show each condition. n: (G,) answers. entries, grams: by "worker", "image" and "answer", the
    answers of each cluster in each group, and the sums over clusters that variances are made of.
    """

    condition: Codes
    exposure: Codes
    rating: Codes
    generated: Flags
    shows: Flags
    n: NDArray[np.int64]
    entries: Mapping[str, Entries]
    grams: Mapping[str, Gram]
    conditions: tuple[str, ...]
    exposures_ms: tuple[float, ...]

    @classmethod
    def of(cls, answers: SingleAnswers) -> DetectionTally:
        """Count answers."""
        pattern, shows = _patterns(answers)
        levels, rating = np.unique(answers.rating, return_inverse=True)
        sizes = (len(answers.conditions), len(answers.exposures_ms), len(levels), len(shows))
        key = joint((answers.condition, answers.exposure, rating, pattern), sizes)
        _, first, group = np.unique(key, return_index=True, return_inverse=True)
        G, images = len(first), int(answers.image.max()) + 1
        clusters = {
            "worker": answers.worker,
            "image": answers.image,
            ANSWER: answers.worker.astype(np.int64) * images + answers.image,
        }
        entries = {way: Entries.counted(code, group, G) for way, code in clusters.items()}
        return cls(
            answers.condition[first], answers.exposure[first], answers.rating[first],
            answers.generated[first], shows[pattern[first]], np.bincount(group, minlength=G), entries,
            {way: gram(own, G) for way, own in entries.items()}, answers.conditions, answers.exposures_ms,
        )  # fmt: skip

    @property
    def said_generated(self) -> Flags:
        """Which groups say that the image is generated: (G,)."""
        return np.asarray(self.rating > 0)

    def of_generated(self, condition: int, exposure: int | None = None) -> Flags:
        """The groups of a condition's images, at one exposure or at all: (G,)."""
        return np.asarray((self.condition == condition) & self._at(exposure))

    def of_real(self, condition: int, exposure: int | None = None) -> Flags:
        """The groups of the real images that belong to a condition: (G,)."""
        return np.asarray(~self.generated & self.shows[:, condition] & self._at(exposure))

    def _at(self, exposure: int | None) -> Flags:
        return np.asarray(self.exposure == exposure) if exposure is not None else np.ones(len(self.n), bool)

    def clusters(self, way: str, masks: Flags) -> tuple[NDArray[np.int64], Floats]:
        """How many clusters have answers in each set of groups, and how many equal ones they are worth.

        masks: (R, G). Two of (R,); the second is (sum of n)^2 / sum of n^2 (Carter, Schnepel & Steigerwald
        2017), 0 where there are none.
        """
        from scipy import sparse

        own = self.entries[way]
        row = own.rows()
        shape = (int(row[-1]) + 1, len(self.n))
        table = sparse.csr_matrix((own.n.astype(float), (row, own.group)), shape=shape)
        sums = table @ sparse.csr_matrix(masks.T.astype(float))
        number = np.asarray((sums > 0).sum(axis=0)).ravel()
        total, squares = (np.asarray(part.sum(axis=0)).ravel() for part in (sums, sums.multiply(sums)))
        return number.astype(np.int64), total**2 / np.where(squares > 0, squares, 1.0)


def _patterns(answers: SingleAnswers) -> tuple[Codes, Flags]:
    """Of each real answer, the row of the second array that says which conditions its assignment shows.

    Generated answers are in row 0, of which nothing is asked.
    """
    unit = answers.worker if answers.assignment is None else answers.assignment
    shown = np.zeros((int(unit.max()) + 1, len(answers.conditions)), dtype=bool)
    shown[unit[answers.generated], answers.condition[answers.generated]] = True
    rows, of_unit = np.unique(shown, axis=0, return_inverse=True)
    return np.where(answers.generated, 0, of_unit.ravel()[unit]), rows


def ways_of(settings: Intervals) -> tuple[str, ...]:
    """What makes answers about single images alike: of "worker" and "image".

    A pair of images is, here, an image. GlimpseError for a bootstrap, which single images do not have.
    """
    chosen = CLUSTERS[settings.cluster]
    if chosen.bootstrap:
        raise GlimpseError(
            f"cluster {chosen.name!r} is not for studies of single images; choose images, worker or pair."
        )
    return tuple(dict.fromkeys("image" if way == "pair" else way for way in chosen.ways))


def single_answers(table: pd.DataFrame, real: str, *, filtered: bool = True) -> SingleAnswers:
    """Take judgments of single images as arrays; sentinels and what is excluded are left out.

    table: worker, condition, item, exposure_ms, generated, rating; and, if known, assignment, sentinel,
    excluded. real: the condition that comes first; the others follow by name. filtered: False keeps what is
    excluded, too. NothingLeftError where nothing is left.
    """
    for name, drop in (("sentinel", True), ("excluded", filtered)):
        if drop and name in table:
            table = table[~table[name].astype(bool)]
    if not len(table):
        raise NothingLeftError("there are no answers about single images to analyse.")
    found = set(table["condition"].astype(str))
    conditions = [name for name in (real,) if name in found] + sorted(found - {real})
    condition = pd.Index(conditions).get_indexer(pd.Index(table["condition"].astype(str)))
    exposure = table["exposure_ms"].to_numpy(float)
    exposures = np.unique(exposure)  # NaN is last
    image = pd.factorize(pd.Series(condition).astype(str) + "/" + table["item"].astype(str).to_numpy())[0]
    return SingleAnswers(
        pd.factorize(table["worker"])[0], image, condition, np.searchsorted(exposures, exposure),
        table["generated"].to_numpy(bool), table["rating"].to_numpy(np.int64), tuple(conditions),
        tuple(map(float, exposures)),
        pd.factorize(table["assignment"])[0] if "assignment" in table else None,
    )  # fmt: skip
