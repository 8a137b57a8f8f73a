"""The report of a study of one image at a time: its judgments and the plain rates that follow from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.errors import GlimpseError, NothingLeftError
from glimpse.questions import questions_of
from glimpse.study import read_document
from glimpse.text import environment

from ..reading.belonging import belonging
from ..reading.detections import Climbed, all_detections
from ..reading.exclusion import Exclusion, exclude, none_left
from ..reading.results import Results, read_results
from .report import OPENING
from .tables import csv_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .settings import AnalysisSettings

RATE_COLUMNS = (
    "question", "condition", "generated", "exposure_ms", "n", "said_generated", "rate", "n_workers",
    "n_images",
)  # fmt: skip


@dataclass(frozen=True)
class SingleEvidence:
    """What was found in a study of one image at a time.

    judgments: of each question, `reading.detections` as a table. rates: RATE_COLUMNS, how often each
    condition was called generated at each exposure, sentinels and excluded judgments left out.
    """

    settings: AnalysisSettings
    results: Results
    exclusion: Exclusion
    judgments: pd.DataFrame
    rates: pd.DataFrame

    @property
    def counted(self) -> pd.DataFrame:
        """The judgments that count: neither excluded nor of sentinels."""
        return self.judgments[~self.judgments["excluded"] & ~self.judgments["sentinel"]]


def shows_single(folders: Sequence[Path]) -> bool:
    """Tell whether results are of one image at a time, by the first folder that says it."""
    for folder in folders:
        path = folder / "study.json"
        if path.is_file():
            return bool(read_document(path)["experiment"].get("task") == "single")
    return False


def evaluate_single(folders: Sequence[Path], settings: AnalysisSettings) -> SingleEvidence:
    """Read the folders and compute everything. GlimpseError where nothing can be analysed, and why."""
    results = belonging(read_results(list(folders)))
    if results.real is None:
        raise GlimpseError(f"{folders[0]}: no condition is real, so that no answer is right or wrong.")
    exclusion = exclude(results, settings.rules)
    climbed = Climbed.of(results.experiment, results.trials)
    parts = []
    for question in questions_of(results.experiment):
        asked = results.asked(question.name).judgments
        marked = asked.marked(exclusion.judgments.reason, exclusion.judgments.max_error_ms)
        parts.append(all_detections(marked, results.real, climbed))
    judgments = pd.concat(parts, ignore_index=True)
    evidence = SingleEvidence(settings, results, exclusion, judgments, pd.DataFrame())
    counted = evidence.counted
    if not len(counted):
        reasons = judgments[judgments["excluded"]]["reason"].astype(str).value_counts()
        lost = {str(reason): int(count) for reason, count in reasons.items()}
        genuine = bool((~judgments["sentinel"]).any())
        raise NothingLeftError(none_left(len(exclusion.assignments), lost, genuine=genuine))
    return SingleEvidence(settings, results, exclusion, judgments, plain_rates(counted))


def plain_rates(counted: pd.DataFrame) -> pd.DataFrame:
    """Return how often each condition was called generated, with RATE_COLUMNS.

    counted: the judgments that count.
    """
    rows: list[tuple[Any, ...]] = []
    keys = ["question", "condition", "exposure_ms"]
    cells = counted.groupby(keys, observed=True, dropna=False, sort=False)
    for (question, condition, exposure), cell in cells:
        k = int(cell["said_generated"].sum())
        rows.append((
            question, condition, bool(cell["generated"].iloc[0]), exposure, len(cell), k, k / len(cell),
            cell["worker"].nunique(), cell["item"].nunique(),
        ))  # fmt: skip
    table = pd.DataFrame(rows, columns=list(RATE_COLUMNS))
    order = ["question", "generated", "condition", "exposure_ms"]
    return table.sort_values(order, ascending=[True, False, True, True], ignore_index=True)


def build_single(evidence: SingleEvidence, versions: Mapping[str, str]) -> dict[str, bytes]:
    """Return all files of the report by name. Nothing is written."""
    facts = _facts(evidence, versions)
    page = environment().get_template("report/single.html.j2").render(**facts)
    files = {
        "judgments.csv": csv_text(evidence.judgments),
        "exclusions.csv": csv_text(evidence.exclusion.assignments),
        "detection_rates.csv": csv_text(evidence.rates),
        "report.html": page,
    }
    found = {name: text.encode() for name, text in files.items()}
    facts["files"] = sorted([*found, OPENING])
    found[OPENING] = (json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    return found


def single_findings(evidence: SingleEvidence) -> list[str]:
    """Return what was found, in sentences."""
    found = []
    rates = evidence.rates
    for (question, condition), rows in rates.groupby(["question", "condition"], observed=True, sort=False):
        said, n = int(rows["said_generated"].sum()), int(rows["n"].sum())
        what = "generated" if bool(rows["generated"].iloc[0]) else "real"
        about = f" ({question})" if rates["question"].nunique() > 1 else ""
        found.append(
            f"{condition} ({what} images) was called generated in {100 * said / n:.1f} % of {n:,} answers of "
            f"{int(rows['n_workers'].max())} people{about}."
        )
    return found


def _facts(evidence: SingleEvidence, versions: Mapping[str, str]) -> dict[str, Any]:
    """Return everything for machines: what summary.json holds."""
    results, exclusion = evidence.results, evidence.exclusion
    rates = evidence.rates.replace({np.nan: None}).to_dict("records")
    return {
        "schema_version": 2,
        "task": "single",
        "study": results.study["study"],
        "title": str(results.study.get("title") or results.study["study"]),
        "mode": results.mode,
        "real": results.real,
        "simulated": results.simulated,
        "versions": dict(versions),
        "counts": {
            "assignments": len(exclusion.assignments),
            "excluded_assignments": int(exclusion.assignments["excluded"].sum()),
            "judgments": len(evidence.judgments),
            "counted_judgments": len(evidence.counted),
        },
        "exclusions": exclusion.counts.to_dict("records"),
        "detection_rates": [{name: _plain(value) for name, value in row.items()} for row in rates],
        "problems": [str(problem) for problem in results.problems],
        "findings": [{"text": text} for text in single_findings(evidence)],
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    return value.item() if isinstance(value, np.generic) else value
