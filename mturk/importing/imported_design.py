"""The design behind imported results: what made a HIT, a batch, a sentinel. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.study import SCHEMA_VERSION, digest
from glimpse.trials import Trial, trials_csv

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from glimpse.experiment import Contrast

    from .batch_csv import Pair

Shown = tuple[tuple["Pair", str, str], ...]


def reference_side(shown: Iterable[tuple[str, Pair]]) -> str:
    """Return the condition that stands most often on the side which a file calls the real one."""
    sides = Counter((pair.left if side == "left" else pair.right)[0] for side, pair in shown)
    return sides.most_common(1)[0][0]


@dataclass(frozen=True)
class ImportedDesign:
    """An imported study: study.json, the trials, and by what was shown the name of each HIT.

    `document` holds what the files say and nothing else: no preset stands in for the rest.
    """

    document: dict[str, Any]
    trials: tuple[Trial, ...]
    names: dict[Shown, str]

    @property
    def secret(self) -> str:
        """The key of the workers' pseudonyms."""
        return str(self.document["secret"])

    def trials_of(self, shown: Shown) -> tuple[str, list[str]]:
        """Return the name of the HIT that showed this, and the ids of its trials in order."""
        hit = self.names[shown]
        return hit, [f"{hit}-t{position:03d}" for position in range(1, len(shown) + 1)]

    def study_json(self) -> str:
        """Return study.json."""
        return json.dumps(self.document, indent=1) + "\n"

    def trials_csv(self) -> str:
        """Return trials.csv."""
        return trials_csv(self.trials)

    def facts(self) -> dict[str, Any]:
        """Return what a person wants to check: conditions, and how many trials are sentinels."""
        experiment = self.document["experiment"]
        sentinels = Counter(trial.hit for trial in self.trials if trial.sentinel)
        a_hit = sorted({sentinels[hit] for hit in self.names.values()})
        return {
            "mode": experiment["mode"],
            "hits": len(self.names),
            "real": experiment["real"],
            "contrasts": [":".join(contrast) for contrast in experiment["contrasts"]],
            "sentinels_per_hit": a_hit if len(a_hit) > 1 else a_hit[0],
        }


def lay_out(
    rows: Sequence[tuple[Mapping[str, str], Shown]], real: str, sentinels: tuple[str, ...], kind: str
) -> ImportedDesign:
    """Lay out a study from what rows showed; GlimpseError names a condition that is not there."""
    shown = list(dict.fromkeys(one for _, one in rows))
    conditions = sorted(
        {image[0] for hit in shown for pair, _, _ in hit for image in (pair.left, pair.right)}
    )
    for option, name in (("--real", real), *(("--sentinel", name) for name in sentinels)):
        if name not in conditions:
            raise GlimpseError(
                f"no condition {name!r} in the files; say {option} with one of {', '.join(conditions)}"
            )
    if real in sentinels:
        raise GlimpseError(f"--sentinel {real}: it is the real condition; name a synthesized one")
    bad = [name for name in conditions if re.search(r"[:,\s]", name)]
    if bad:
        raise GlimpseError(
            f"condition {bad[0]!r}: a folder's name with a colon, comma or space cannot be a condition"
        )
    batches = _batches(shown, real, sentinels)
    names = _names(shown, batches, real, sentinels)
    trials = tuple(trial for one in shown for trial in _trials(one, names[one], real, sentinels))
    plan = trials_csv(trials)
    key = digest(kind + plan)
    document = {
        "schema_version": SCHEMA_VERSION,
        "study": re.sub(r"[^a-z0-9]", "", key)[:16],
        "title": "Imported study",
        "description": f"Imported from MTurk's batch results ({kind}).",
        "imported_from": kind,
        "experiment": _experiment([cells for cells, _ in rows], trials, batches, real),
        "secret": digest(key + "workers"),
        "stimuli": {stimulus_id(url): {"file": url} for one in shown for _, *urls in one for url in urls},
        "hits": [
            {"hit": names[one], "batch": names[one].partition("-")[0], "trials": len(one)} for one in shown
        ],
        "plan_sha256": digest(plan),
    }
    return ImportedDesign(document, trials, names)


def stimulus_id(url: str) -> str:
    """Return the id of an image: 24 hexadecimal digits of its address's digest."""
    return hashlib.sha256(url.encode()).hexdigest()[:24]


def _genuine(hit: Shown, real: str, sentinels: tuple[str, ...]) -> list[Pair]:
    return [pair for pair, _, _ in hit if not pair.practice and not pair.is_sentinel(real, sentinels)]


def _batches(shown: Sequence[Shown], real: str, sentinels: tuple[str, ...]) -> list[tuple[Contrast, ...]]:
    """Group contrasts: those that share a HIT are of one batch."""
    groups: list[dict[Contrast, None]] = []
    for hit in shown:
        mine = dict.fromkeys(pair.contrast(real) for pair in _genuine(hit, real, sentinels))
        if not mine:
            continue
        touched = [group for group in groups if group.keys() & mine.keys()]
        groups = [group for group in groups if not group.keys() & mine.keys()]
        groups.append({contrast: None for group in (*touched, mine) for contrast in group})
    if not groups:
        raise GlimpseError("every trial is a sentinel or practice; name another --sentinel")
    return [tuple(group) for group in groups]


def _names(
    shown: Sequence[Shown], batches: list[tuple[Contrast, ...]], real: str, sentinels: tuple[str, ...]
) -> dict[Shown, str]:
    counts: Counter[int] = Counter()
    names = {}
    for hit in shown:
        genuine = _genuine(hit, real, sentinels)
        batch = next(
            (n for n, group in enumerate(batches, 1) if genuine and genuine[0].contrast(real) in group), 1
        )
        counts[batch] += 1
        names[hit] = f"b{batch}-h{counts[batch]:02d}"
    return names


def _trials(hit: Shown, name: str, real: str, sentinels: tuple[str, ...]) -> Iterable[Trial]:
    for position, (pair, left, right) in enumerate(hit, start=1):
        sentinel = not pair.practice and pair.is_sentinel(real, sentinels)
        known = sentinel or (pair.practice and real in (pair.left[0], pair.right[0]))
        yield Trial(
            batch=name.partition("-")[0],
            hit=name,
            position=position,
            trial=f"{name}-t{position:03d}",
            contrast=":".join(pair.contrast(real)),
            exposure_ms=pair.exposure_ms,
            sentinel=sentinel,
            correct_side=("left" if pair.left[0] == real else "right") if known else None,
            condition_left=pair.left[0],
            item_left=pair.left[1],
            stimulus_left=stimulus_id(left),
            condition_right=pair.right[0],
            item_right=pair.right[1],
            stimulus_right=stimulus_id(right),
            practice=pair.practice,
        )


def _experiment(
    rows: Sequence[Mapping[str, str]],
    trials: Sequence[Trial],
    batches: list[tuple[Contrast, ...]],
    real: str,
) -> dict[str, Any]:
    """Return what the files say of the experiment; the trials hold the rest of what is known."""
    limited = any(trial.exposure_ms for trial in trials if not trial.sentinel and not trial.practice)
    seconds = _number(_in_all(rows, "AssignmentDurationInSeconds"))
    known: dict[str, Any] = {
        "mode": "limited-time" if limited else "unlimited-time",
        "real": real,
        "contrasts": [list(contrast) for group in batches for contrast in group],
        "batches": [
            {"batch": f"b{number}", "contrasts": [list(contrast) for contrast in group]}
            for number, group in enumerate(batches, start=1)
        ],
        "workers_per_hit": _number(_in_all(rows, "MaxAssignments")),
        "reward_usd": _reward(_in_all(rows, "Reward")),
        "time_allotted_minutes": seconds and seconds / 60,
    }
    return {name: value for name, value in known.items() if value is not None}


def _in_all(rows: Sequence[Mapping[str, str]], column: str) -> str:
    """Return a cell that is the same in all rows; an empty text where there is none."""
    cells = {row.get(column, "").strip() for row in rows}
    return cells.pop() if len(cells) == 1 else ""


def _number(cell: str) -> int | None:
    return int(cell) if re.fullmatch(r"[1-9]\d{0,8}", cell) else None


def _reward(cell: str) -> str | None:
    found = re.fullmatch(r"\$?(\d{1,4}(?:\.\d{1,2})?)", cell)
    return found[1] if found and Decimal(found[1]) > 0 else None
