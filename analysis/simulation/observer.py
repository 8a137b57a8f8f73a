"""Simulated workers: what they see in an exposure, how able and careful they are, which side they choose.

The model, in probit units. A contrast has a realism curve psi(t), the share of trials in which its condition
A is chosen by people as a whole. A worker multiplies what there is to see by an ability g, an image looks
more real than its condition by u in every pair in which it stands, a pair adds a v of its own, and a side
bias b pulls to the left:

    P(left) = (1 - lapse) Phi((g mu + d) s + b) + lapse / 2,       s = +1 where A stands left, else -1

    d = u_A - u_B + v,                                             sd_d^2 = 2 sd_u^2 + sd_v^2
    mu = z sqrt((1 + sd_d^2 + sd_b^2) / (1 - sd_g^2 z^2)),         z = Phi^-1(psi(t))

mu is larger than z by just so much that the average over workers, pairs and images is psi(t) again: the
integral of Phi(mu + N(0, sd^2)) is Phi(mu / sqrt(1 + sd^2)). So a simulated study has a known truth, whatever
its spread. Random clickers press either side with probability 1/2, fast.

An item, that is a prompt, may be easy or hard: it adds an h of its own to g in every pair that it stands
with, and sd_g^2 is sd_g^2 + sd_h^2 then. How ties, scales and several questions follow is in `answering`.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, ndtr, ndtri

from glimpse.errors import GlimpseError
from glimpse.precision import IMAGE_SD, PAIR_SD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# How real a condition looks with unlimited time, in probit units from a photograph: with -1, the photograph
# is chosen Phi(1) = 84 % of the time. Near the rates of Chen & Koltun (2017), Table 1, on Cityscapes.
QUALITY = {
    "real": 0.0,
    "crn": -0.85,
    "crn-diverse": -0.85,
    "full-resolution": -1.3,
    "full-res": -1.3,
    "encoder-decoder": -1.65,
    "pix2pix": -2.3,
    "gan": -3.0,
    "image-space": -4.0,
}
ALIASES = {
    "photo": "real",
    "photos": "real",
    "ground-truth": "real",
    "gt": "real",
    "image-space-loss": "image-space",
}
UNKNOWN_QUALITY = (-2.2, -0.6)
# What a condition is for, where the table does not know its name: one that only sentinels show is as plainly
# not real as the usual one, and one that is compared as well is the least real of the paper's comparisons.
ROLES = {"sentinel": QUALITY["image-space"], "compared sentinel": QUALITY["pix2pix"]}
# How plain the right answer of a sentinel is that no condition tells: as with the usual condition.
PLAIN = QUALITY["real"] - QUALITY["image-space"]
QUESTION_RANGE = 0.4  # by how much a question of its own may move a condition, in probit units
LARGEST_QUALITY = 10.0
LOGIT = 1.702  # log odds in a probit unit
QUALITY_SCALE = "real is 0; with -1 the photograph is chosen 84 % of the time"
# Setting -> the option of `simulate` that gives it, and the largest value.
LIMITS = {
    "ability_sd": ("--ability-sd", 1.0),
    "pair_sd": ("--pair-sd", 5.0),
    "image_sd": ("--image-sd", 5.0),
    "item_sd": ("--item-sd", 1.0),
    "side_bias_sd": ("--side-bias-sd", 5.0),
    "lapse_mean": ("--lapse", 0.5),
    "random_share": ("--random-share", 1.0),
    "tie_threshold": ("--tie-threshold", 5.0),
    "scale_step": ("--scale-step", 5.0),
    "question_correlation": ("--question-correlation", 1.0),
}


@dataclass(frozen=True)
class Observer:
    """Settings of simulated people, pairs and images.

    Standard deviations are between workers, pairs or images of a condition. By default d differs between
    pairs by sqrt(0.15^2 + 2 * 0.3^2) = 0.45 probit: most of what makes pairs differ is how real either of
    the images looks, as in models in which a choice follows from the difference of two appearances
    (Thurstone 1927).

    `tie_threshold` and `scale_step` say how what is seen becomes a tie or a step of a scale, and
    `question_correlation` how alike pairs and images look under two questions: see `answering`.
    """

    ability_sd: float = 0.25
    pair_sd: float = PAIR_SD
    image_sd: float = IMAGE_SD
    side_bias_sd: float = 0.10
    lapse_mean: float = 0.003
    random_share: float = 0.01
    response_ms: float = 750.0
    speed_sd: float = 0.30
    response_sd: float = 0.40
    slope: float = 1.3
    item_sd: float = 0.0
    tie_threshold: float = 0.3
    scale_step: float = 0.8
    question_correlation: float = 0.5
    quality: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every number once."""
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in {"quality", "d_prime"}:
                continue
            name, high = LIMITS.get(item.name, (f"observer: {item.name}", math.inf))
            if not (isinstance(value, (int, float)) and 0 <= value <= high and math.isfinite(value)):
                allowed = f"a number from 0 to {high:g}" if high < math.inf else "a number, 0 or more"
                raise GlimpseError(f"{name} is {value!r}; it must be {allowed}.")
        for name, value in self.quality.items():
            if not abs(value) <= LARGEST_QUALITY:
                raise GlimpseError(
                    f"--quality {name}={value:g}: it must be a number from {-LARGEST_QUALITY:g} to "
                    f"{LARGEST_QUALITY:g}; {QUALITY_SCALE}."
                )

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> Observer:
        """Build from plain values, such as those of simulation.json.

        Before version 0.2.0 images had no effect of their own, and pairs all of it: where `pair_sd` stands
        without `image_sd`, that is 0. Raises GlimpseError for a key that there is no setting for.
        """
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise GlimpseError(
                f"observer: there is no setting {', '.join(unknown)}; there are {', '.join(sorted(known))}."
            )
        before = {"image_sd": 0.0} if "pair_sd" in settings else {}
        return cls(**{**before, **settings})

    def quality_of(self, condition: str, role: str = "compared") -> float:
        """Return how real `condition` looks, in probit units below a photograph (0).

        Your own setting first, then 0 for the role "real", then the table above, then what ROLES says of its
        role, then a value from the name itself, always the same.
        """
        if condition in self.quality:
            return float(self.quality[condition])
        if role == "real":
            return 0.0
        name = condition.lower().replace("_", "-").replace(" ", "-")
        name = ALIASES.get(name, name)
        if name in QUALITY:
            return QUALITY[name]
        if role in ROLES:
            return ROLES[role]
        low, high = UNKNOWN_QUALITY
        return low + (high - low) * _of_name(name)

    def quality_under(self, question: str, condition: str, role: str = "compared") -> float:
        """Return how good `condition` looks under one of several questions.

        Your own setting "question:condition" first; else a condition that is compared, and has no setting of
        its own, is moved by up to QUESTION_RANGE from its `quality_of`, always the same.
        """
        own = f"{question}:{condition}"
        if own in self.quality:
            return float(self.quality[own])
        moved = role == "compared" and condition not in self.quality
        return self.quality_of(condition, role) + moved * QUESTION_RANGE * (2 * _of_name(own) - 1)


def _of_name(name: str) -> float:
    """Return a number from 0 to 1 that is always the same for a name."""
    return (zlib.crc32(name.encode()) % 1000) / 999


def realism_curve(distance: Floats | float, exposure_ms: Floats | float, slope: float = 1.3) -> Floats:
    """Return psi(t), the share in which A is chosen, in [0, 1].

    distance: quality of A minus that of B, probit units. exposure_ms: image onset to offset; infinity or NaN
    where the exposure is unlimited. The plateau is Phi(distance); larger distances are seen earlier.
    """
    d = np.asarray(distance, float)
    t = np.asarray(exposure_ms, float)
    plateau = ndtr(np.abs(d))
    midpoint = math.log2(0.9) - 0.9 * (np.abs(d) - 0.85)
    with np.errstate(divide="ignore"):
        octaves = np.log2(t / 1000)
    seen = np.where(np.isfinite(t), expit(slope * (octaves - midpoint)), 1.0)
    return np.asarray(0.5 + np.sign(d) * (plateau - 0.5) * seen, dtype=float)


@dataclass(frozen=True)
class Workers:
    """People, one entry of every array a worker (W,)."""

    ability: Floats
    lapse: Floats
    side_bias: Floats
    speed: Floats
    random: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ability)


def draw_workers(observer: Observer, count: int, rng: np.random.Generator) -> Workers:
    """Draw `count` workers."""
    normal = rng.normal(size=(count, 3))
    uniform = rng.random(size=(count, 2))
    # An exponential lapse rate: most people hardly ever slip, a few often.
    lapse = np.minimum(-observer.lapse_mean * np.log1p(-uniform[:, 0]), 0.5)
    return Workers(
        ability=np.maximum(1 + observer.ability_sd * normal[:, 0], 0.0),
        lapse=lapse,
        side_bias=observer.side_bias_sd * normal[:, 1],
        speed=np.exp(observer.speed_sd * normal[:, 2]),
        random=uniform[:, 1] < observer.random_share,
    )


def draw_pairs(observer: Observer, count: int, rng: np.random.Generator) -> Floats:
    """Draw the effects of `count` pairs (P,), v in the model: probit units towards condition A."""
    return observer.pair_sd * rng.normal(size=count)


def draw_images(observer: Observer, count: int, rng: np.random.Generator) -> Floats:
    """Draw the effects of `count` images (I,), u in the model: probit units above their condition."""
    return observer.image_sd * rng.normal(size=count)


def draw_items(observer: Observer, count: int, rng: np.random.Generator) -> Floats:
    """Draw how easy `count` items are (I,), h in the model: what each adds to every worker's ability."""
    return observer.item_sd * rng.normal(size=count)


def strength(observer: Observer, psi: Floats, item_sd: Floats | float = 0.0) -> Floats:
    """Return mu, what an average worker sees between average images, so that the average of all is `psi`.

    `item_sd` is the standard deviation of the items' ease, 0 for trials without an item.
    """
    z = ndtri(np.clip(psi, 1e-9, 1 - 1e-9))
    spread = 1 + 2 * observer.image_sd**2 + observer.pair_sd**2 + observer.side_bias_sd**2
    room = np.maximum(1 - (observer.ability_sd * z) ** 2 - (item_sd * z) ** 2, 0.05)
    return np.asarray(z * np.sqrt(spread / room), dtype=float)


def drive_to_left(
    mu: Floats, d: Floats, a_is_left: NDArray[np.bool_], workers: Workers, ease: Floats | float = 0.0
) -> Floats:
    """Return what workers (W,) see in trials (T,) in favour of the left image, (W, T) in probit units.

    mu: what an average worker sees; d: what images and pair add, both towards condition A. ease: what the
    item of each trial adds to everybody's ability.
    """
    sign = np.where(a_is_left, 1.0, -1.0)
    ability = np.maximum(workers.ability[:, None] + ease, 0.0)
    return np.asarray(ability * (mu * sign) + d * sign + workers.side_bias[:, None], dtype=float)


def chance_of_left(
    mu: Floats, d: Floats, a_is_left: NDArray[np.bool_], workers: Workers, ease: Floats | float = 0.0
) -> Floats:
    """Return P(left), shape (W, T), of a choice between the two; arguments as of `drive_to_left`."""
    drive = drive_to_left(mu, d, a_is_left, workers, ease)
    lapse = workers.lapse[:, None]
    return np.where(workers.random[:, None], 0.5, (1 - lapse) * ndtr(drive) + lapse / 2)


def choose_left(p_left: Floats, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the answers: True where the left image is chosen; the shape of `p_left`."""
    return rng.random(p_left.shape) < p_left


def response_times(
    observer: Observer, p_left: Floats, workers: Workers, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw response times in ms (W, T): slower where the choice is close, fast for random clickers."""
    doubt = 1 - 2 * np.abs(p_left - 0.5)
    median = observer.response_ms * workers.speed[:, None] * (1 + 0.6 * doubt)
    median = np.where(workers.random[:, None], 0.35 * observer.response_ms, median)
    return np.asarray(median * np.exp(observer.response_sd * rng.normal(size=p_left.shape)), dtype=float)


def known_qualities(quality: Mapping[str, float], strength: Mapping[str, float]) -> dict[str, float]:
    """Return qualities in probit units, of which some are stated as strengths in log odds.

    The two scales are alike: a probit is 1.702 in log odds, with rates that differ by less than 0.01.
    GlimpseError where both are stated.

    >>> known_qualities({}, {"crn": -1.702})
    {'crn': -1.0}
    """
    if quality and strength:
        raise GlimpseError("--strength and --quality say the same on two scales; leave one of them out.")
    return {**quality, **{name: value / LOGIT for name, value in strength.items()}}


def parse_quality(settings: Iterable[str], option: str = "--quality") -> dict[str, float]:
    """Read `name=value` settings; GlimpseError for what is not of that form, and a name that comes twice."""
    quality: dict[str, float] = {}
    for text in settings:
        name, equals, value = text.rpartition("=")  # a condition's name may hold "=", a number does not
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (name and equals and math.isfinite(number)):
            scale = QUALITY_SCALE if option == "--quality" else "in log odds"
            raise GlimpseError(f"{option} {text!r}: expected name=value, for example crn=-0.85 ({scale}).")
        if name in quality:
            raise GlimpseError(
                f"{option} names {name} twice, with {quality[name]:g} and {number:g}; name a condition once."
            )
        quality[name] = number
    return quality
