"""study/design.html: what was designed, counted from the trials themselves, with what it costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glimpse.counting import chance_of_exclusion
from glimpse.pricing import Price, price
from glimpse.text import environment

from .contrast_map import contrast_map
from .pay import pay_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from glimpse.experiment import Batch, Contrast, Experiment
    from glimpse.study import Study
    from glimpse.trials import Trial

    from .contact_sheet import FilmStrip
    from .recurrence import Recurrence

HONEST_SLIPS = (0.01, 0.02, 0.05)
FIRST_CONTEXTS = 5
MANY_CELLS = 60  # rows of a table that is folded up at first
KNOWN_ANSWERS = {
    "condition": "from a condition: its {stimulus}s beside real ones, which are the right answer",
    "file": "from a file: pairs of which the requester states the right {stimulus}",
    "mismatch": "from a mismatch: under an item's prompt or reference, {a_thing} of that item, which is the "
    "right answer, beside {a_thing} of another",
}


KNOWN_ONE = {
    "condition": "from a condition whose {stimulus}s are plainly generated",
    "file": "from a file: {stimulus}s of which the requester states whether they are real",
}


@dataclass(frozen=True)
class CellCount:
    """One cell over all HITs: trials, first condition on the left, distinct scenes and pairs of stimuli."""

    batch: str
    contrast: str
    exposure: str
    trials: int
    least_per_hit: int
    most_per_hit: int
    first_left: int
    scenes: int
    pairs: int


def cell_counts(trials: Iterable[Trial], contrasts: Sequence[tuple[str, ...]] = ()) -> list[CellCount]:
    """Count every cell from the trials, sentinels and practice as cells of their own; `contrasts` first."""
    groups: dict[tuple[str, str, str], list[Trial]] = {}
    hits: dict[str, set[str]] = {}
    for trial in trials:
        groups.setdefault((trial.batch, trial.contrast + _kind(trial), _exposure(trial)), []).append(trial)
        hits.setdefault(trial.batch, set()).add(trial.hit)
    counts = []
    for (batch, contrast, exposure), group in groups.items():
        per_hit = Counter(trial.hit for trial in group)
        first = contrast.split(":")[0]
        counts.append(
            CellCount(
                batch,
                contrast,
                exposure,
                len(group),
                min(per_hit.values()) if len(per_hit) == len(hits[batch]) else 0,
                max(per_hit.values()),
                sum(trial.condition_left == first for trial in group),
                len({item for trial in group for item in (trial.item_left, trial.item_right) if item}),
                len({frozenset(trial.stimuli) for trial in group}),
            )
        )
    names = [*(":".join(contrast) for contrast in contrasts), *(c.contrast for c in counts)]
    order = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return sorted(
        counts, key=lambda c: (c.batch, " " in c.contrast, order[c.contrast], _sortable(c.exposure))
    )


def repeats(trials: Iterable[Trial]) -> dict[str, int]:
    """Return how often a worker meets one scene at most, and the fewest trials between two meetings."""
    most, closest = 0, 0
    by_hit: dict[str, list[Trial]] = {}
    for trial in trials:
        by_hit.setdefault(trial.hit, []).append(trial)
    for group in by_hit.values():
        met: Counter[str] = Counter()
        last: dict[str, int] = {}
        for trial in group:
            for item in {trial.item_left, trial.item_right} - {""}:
                met[item] += 1
                if item in last:
                    distance = trial.position - last[item]
                    closest = min(closest or distance, distance)
                last[item] = trial.position
        most = max(most, *met.values())
    return {"most": most, "closest": closest}


def longest_sentinel_run(trials: Iterable[Trial]) -> int:
    """Return the longest run of sentinels in a HIT."""
    longest = run = 0
    previous = ""
    for trial in trials:
        run = run + 1 if trial.sentinel and trial.hit == previous else int(trial.sentinel)
        previous = trial.hit
        longest = max(longest, run)
    return longest


def study_price(experiment: Experiment) -> Price:
    """Return what the whole study costs, in batches of nine where that is cheaper."""
    return price(experiment.reward_usd, experiment.workers_per_hit, experiment.hits)


def design_html(
    study: Study,
    recurring: Recurrence | None,
    *,
    warnings: Sequence[str],
    encoding: str,
    question_bytes: int,
    sheet: Sequence[tuple[FilmStrip, FilmStrip]] = (),
) -> str:
    """Return the design report: one self-contained HTML page."""
    experiment = study.experiment
    stimulus, a_thing = ("clip", "a clip") if study.moving else ("image", "a picture")
    shown = [(name,) for name in experiment.shown]
    cells = cell_counts(study.trials, experiment.contrasts or shown)
    known = KNOWN_ONE if experiment.task == "single" else KNOWN_ANSWERS
    sentinels = [trial for trial in study.trials if trial.sentinel]
    return (
        environment()
        .get_template("report/design.html.j2")
        .render(
            study=study,
            stimulus=stimulus,
            experiment=experiment,
            cells=cells,
            folded=len(cells) > MANY_CELLS,
            map=contrast_map(study),
            repeats=repeats(study.trials),
            recurring=recurring,
            longest_run=longest_sentinel_run(study.trials),
            known_answers=known[experiment.sentinels].format(stimulus=stimulus, a_thing=a_thing),
            right_on_left=sum(trial.correct_side == "left" for trial in sentinels),
            single=experiment.task == "single",
            known_real=sum(trial.correct_side == "real" for trial in sentinels),
            sentinels=len(sentinels),
            contexts=list(study.contexts.items())[:FIRST_CONTEXTS],
            language=study.page_settings.get("language", "en"),
            context_when=study.page_settings.get("context_when", "with"),
            price=study_price(experiment),
            pay=pay_line(study),
            discarded=discard_rates(experiment),
            warnings=warnings,
            encoding=encoding,
            question_bytes=question_bytes,
            sheet=sheet,
            facts=_facts(study),
            settings=_settings(experiment),
        )
    )


def discard_rates(experiment: Experiment) -> list[tuple[str, float]]:
    """Return how many assignments the sentinel rule excludes, for some kinds of workers."""
    rule = experiment.sentinels_per_hit, experiment.max_wrong_sentinels
    honest = [
        (f"a careful worker who slips in {slip:.0%} of trials", chance_of_exclusion(*rule, slip))
        for slip in HONEST_SLIPS
    ]
    return [*honest, ("somebody who answers at random", chance_of_exclusion(*rule, 0.5))]


def _facts(study: Study) -> dict[str, Any]:
    """Return the totals at the head of the report."""
    experiment = study.experiment
    return {
        "HITs": len(study.hits),
        "trials a HIT": ", ".join(str(n) for n in sorted({hit.trials for hit in study.hits})),
        "workers a HIT": experiment.workers_per_hit,
        "assignments": len(study.hits) * experiment.workers_per_hit,
        "clips" if study.moving else "images": len(study.stimuli),
    }


def _settings(experiment: Experiment) -> dict[str, str]:
    """Return every setting in words."""
    stated = experiment.to_json()
    settings = {name: str(value) for name, value in stated.items() if name != "questions"}
    settings["contrasts"] = _listed(experiment.contrasts) or "none"
    if experiment.shown:
        settings["shown"] = ", ".join(experiment.shown)
    settings["batches"] = "; ".join(map(_batch, experiment.batches))
    settings["sentinels"] = experiment.sentinels
    if "hit_trials" in settings:
        settings["trials_per_hit"] = settings.pop("hit_trials")
    exposures = [str(exposure) for exposure in experiment.exposures_ms if exposure is not None]
    settings["exposures_ms"] = ", ".join(exposures) or "unlimited"
    if experiment.stop_when:
        settings["stop_when"] = experiment.stop_when.text(limited=experiment.mode == "limited-time")
    return {name: "none" if value == "None" else value for name, value in settings.items()}


def _batch(batch: Batch) -> str:
    """Return a batch in words."""
    return f"{batch.batch}: {_listed(batch.contrasts) or ', '.join(batch.shown)}" + (
        f", sentinels from {batch.sentinel}" if batch.sentinel else ""
    )


def _listed(contrasts: Iterable[Contrast]) -> str:
    return ", ".join(":".join(contrast) for contrast in contrasts)


def _kind(trial: Trial) -> str:
    return " sentinel" if trial.sentinel else " practice" if trial.practice else ""


def _exposure(trial: Trial) -> str:
    return "unlimited" if trial.exposure_ms is None else f"{trial.exposure_ms} ms"


def _sortable(exposure: str) -> int:
    return int(exposure.split(" ", maxsplit=1)[0]) if exposure[0].isdigit() else 0
