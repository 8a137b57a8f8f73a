"""What a worker's browser can see beside the pixels, and so could tell a program that never looks."""

from __future__ import annotations

from collections import Counter
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from glimpse.text import exposure_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from glimpse.experiment import Experiment
    from glimpse.trials import Trial

    from ..design.clip_sources import ClipSource
    from ..design.encoding import Encoding, Source

_TELLING = 0.01  # of the trials; where fewer have images that come back, sentinels are hardly told by it


def sentinel_exposures(experiment: Experiment, hits: int, rng: np.random.Generator) -> Iterator[int | None]:
    """Yield the exposures of a batch's sentinels, HIT by HIT: in equal shares to within one, shuffled."""
    choices = experiment.sentinel_exposures_ms
    count = experiment.sentinels_per_hit
    turn = int(rng.integers(len(choices)))
    for hit in range(hits):
        dealt = [choices[(turn + hit * count + place) % len(choices)] for place in range(count)]
        for place in np.argsort(rng.random(count)):
            yield dealt[place]


def blind_warnings(
    experiment: Experiment,
    trials: Sequence[Trial],
    encoding: Encoding,
    sources: Iterable[Source | ClipSource],
    stimulus: str = "image",
) -> Iterator[str]:
    """Say what a browser can tell of sentinels or conditions in this study; `stimulus`: image or clip."""
    exposure = experiment.sentinel_exposure_ms
    a_thing = "a clip" if stimulus == "clip" else "a picture"
    if experiment.sentinels_per_hit and exposure is not None:
        shown = [trial.sentinel for trial in trials if trial.exposure_ms == exposure and not trial.practice]
        share = round(100 * sum(shown) / max(1, len(shown)))
        yield (
            f"All sentinels are shown {exposure_name(exposure)}, and {share} % of the trials with that "
            "exposure are sentinels: a program in the browser can tell that much. Preset glimpse without "
            "--sentinel-exposure-ms draws them from the exposures of the other trials."
        )
    if experiment.sentinels == "mismatch" and (count := _under_another(trials)):
        yield (
            f"{count} sentinels show {a_thing} that the same HIT shows under its own prompt, too: a program "
            "in the browser can recognise them by that. More items avoid it, or fewer trials."
        )
    elif recurring := _recurring(trials):
        others, sentinels = recurring
        lacking = " and ".join(
            sorted(_conditions(trials, sentinel=True) - _conditions(trials, sentinel=False))
        )
        compared = f", and so does comparing {lacking}, which only sentinels show" if lacking else ""
        yield (
            f"{stimulus.capitalize()}s recur within a HIT: in {_percent(others)} of the trials both "
            f"{stimulus}s also stand in another trial, but in only {_percent(sentinels)} of the sentinels. "
            "A program in the browser can recognise sentinels by that. More scenes or fewer trials avoid "
            f"it{compared}."
        )
    one_sided = _one_sided(trials, experiment.max_wrong_sentinels)
    if experiment.task == "single":
        if one_sided:
            yield (
                "Whoever always gives the same answer passes the sentinels: all known answers are alike. A "
                "file of known images, some real and some generated, finds them (--sentinel-file)."
            )
    elif one_sided:
        yield (
            f"In {one_sided} of {len({trial.hit for trial in trials})} HITs, whoever always chooses the same "
            "side passes the sentinels. Balance their sides: --sides balanced, and a file of known answers "
            "without --sentinel-keep-sides."
        )
    if encoding == "keep" and len({source.style for source in sources}) > 1:
        yield (
            f"The {stimulus}s are not encoded alike (--encode keep): a program in the browser can tell "
            "conditions by it. --encode auto, or png, encodes them alike."
        )


def _one_sided(trials: Iterable[Trial], allowed: int) -> int:
    """Count the HITs where one side has at most `allowed` of the right answers, and needed not."""
    sides: dict[str, Counter[str | None]] = {}
    for trial in trials:
        if trial.sentinel:
            sides.setdefault(trial.hit, Counter()).update([trial.correct_side])
    return sum(
        min(found["left"] + found["real"], found["right"] + found["generated"])
        <= allowed
        < found.total() // 2
        for found in sides.values()
    )


def _under_another(trials: Sequence[Trial]) -> int:
    """Count the sentinels with a picture that stands under another context elsewhere in their HIT."""
    contexts: dict[tuple[str, str], set[str]] = {}
    for trial in trials:
        for name in (trial.stimulus_left, trial.stimulus_right):
            contexts.setdefault((trial.hit, name), set()).add(trial.context)
    return sum(
        trial.sentinel
        and max(len(contexts[trial.hit, name]) for name in (trial.stimulus_left, trial.stimulus_right)) > 1
        for trial in trials
    )


def _recurring(trials: Sequence[Trial]) -> tuple[float, float] | None:
    """Return in which share of the trials, and of the sentinels, both images come back within the HIT.

    None where sentinels cannot be told by it: because hardly any do, or as many of the sentinels.
    """
    shown = Counter((trial.hit, name) for trial in trials for name in _images(trial))
    again: dict[bool, list[bool]] = {True: [], False: []}
    for trial in trials:
        if not trial.practice:
            again[trial.sentinel].append(min(shown[trial.hit, name] for name in _images(trial)) > 1)
    if not all(again.values()):
        return None
    others, sentinels = fmean(again[False]), fmean(again[True])
    return (others, sentinels) if others >= _TELLING and sentinels < others / 2 else None


def _images(trial: Trial) -> tuple[str, ...]:
    return trial.stimuli


def _conditions(trials: Iterable[Trial], *, sentinel: bool) -> set[str]:
    """Return the conditions that sentinels show, or those that are compared."""
    chosen = [trial for trial in trials if trial.sentinel == sentinel and not trial.practice]
    return {name for trial in chosen for name in (trial.condition_left, trial.condition_right) if name}


def size_warnings(
    real: str | None, sizes: Mapping[tuple[str, str], tuple[int, int]], stimulus: str = "image"
) -> Iterator[str]:
    """Say where an image's size tells whether it is real: `sizes` are those of (condition, item)."""
    found: dict[str, set[tuple[int, int]]] = {}
    for (condition, _), size in sizes.items():
        found.setdefault(condition, set()).add(size)
    own = found.get(real or "", set())
    for condition, others in found.items():
        if condition != real and own and not others & own:
            (width, height), (real_width, real_height) = min(others), min(own)
            yield (
                f"{stimulus.capitalize()}s of {condition} are {width}x{height}, those of {real} "
                f"{real_width}x{real_height}: who sees one can tell by its size or shape. Make all of one "
                "size."
            )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
