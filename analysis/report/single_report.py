"""The report of a study of one image at a time: read, computed, drawn, and put together as files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.errors import GlimpseError, NothingLeftError
from glimpse.files import plain
from glimpse.questions import questions_of
from glimpse.study import read_document
from glimpse.text import template_text

from ..figures.drawing import DrawingBoard
from ..figures.stimuli import load_images
from ..reading.belonging import belonging
from ..reading.detections import Climbed, question_detections
from ..reading.exclusion import Exclusion, exclude, none_left
from ..reading.participants import participants
from ..reading.registrations import FoundRegistration, read_registrations
from ..reading.results import Results, read_results
from ..statistics.choices import ADJUSTMENTS
from ..statistics.mistaken import most_mistaken
from .formats import level_text
from .page import Picture, picture, with_figures
from .registered import registered_sentence, registration_facts
from .report import OPENING
from .single_drawings import single_drawings
from .single_summary import question_facts
from .single_tables import SingleStatistics, single_statistics
from .single_wording import single_methods, statements
from .slides import single_slide
from .summary import PROBLEMS_LISTED
from .tables import csv_text, records
from .wording import template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from glimpse.questions import Question

    from ..figures.drawing import Drawing
    from ..figures.stimuli import Pixels, Shown
    from ..reading.design import Problem
    from .settings import AnalysisSettings

RATE_COLUMNS = (
    "question", "condition", "generated", "exposure_ms", "n", "said_generated", "rate", "n_workers",
    "n_images",
)  # fmt: skip


@dataclass(frozen=True)
class SingleEvidence:
    """What was found in a study of one image at a time.

    judgments: of each question, `reading.detections` as a table. rates: RATE_COLUMNS, how often each
    condition was called generated at each exposure, sentinels and excluded judgments left out. statistics:
    of each question, in the order in which they were asked. digests: folders, and the SHA-256 of answers.
    participants: `reading.participants`. pictures: the images that were mistaken most often, as far as found.
    """

    settings: AnalysisSettings
    results: Results
    exclusion: Exclusion
    judgments: pd.DataFrame
    rates: pd.DataFrame
    statistics: tuple[SingleStatistics, ...]
    digests: tuple[tuple[str, str], ...]
    participants: pd.DataFrame
    pictures: Mapping[Shown, Pixels | None]
    registrations: tuple[FoundRegistration, ...] = ()

    @property
    def counted(self) -> pd.DataFrame:
        """The judgments that count: neither excluded nor of sentinels."""
        return counted(self.judgments)


def counted(judgments: pd.DataFrame) -> pd.DataFrame:
    """Judgments that are neither excluded nor of sentinels."""
    keep = ~judgments["excluded"].astype(bool) & ~judgments["sentinel"].astype(bool)
    left: pd.DataFrame = judgments.loc[keep]
    return left


def shows_single(folders: Sequence[Path]) -> bool:
    """Tell whether results are of one image at a time, by the first folder that says it."""
    for folder in folders:
        path = folder / "study.json"
        if path.is_file():
            return bool(read_document(path)["experiment"].get("task") == "single")
    return False


def evaluate_single(
    folders: Sequence[Path], settings: AnalysisSettings, images: Path | None = None
) -> SingleEvidence:
    """Read the folders and compute everything. GlimpseError where nothing can be analysed, and why.

    images: the folder of the images, of which those are shown that were mistaken most often.
    """
    results = belonging(read_results(list(folders)))
    registrations, wrong = read_registrations(results)
    results = replace(results, problems=(*results.problems, *wrong))
    refuse_what_pairs_have(settings)
    exclusion = exclude(results, settings.rules)
    lifted = exclude(results, replace(settings.rules, sentinel_filter=not settings.rules.sentinel_filter))
    climbed = Climbed.of(results.experiment, results.trials)
    judgments = _marked(exclusion)
    other = _lifted(judgments, exclusion, lifted)
    if not len(counted(judgments)):
        reasons = judgments[judgments["excluded"]]["reason"].astype(str).value_counts()
        lost = {str(reason): int(count) for reason, count in reasons.items()}
        genuine = bool((~judgments["sentinel"]).any())
        raise NothingLeftError(none_left(len(exclusion.assignments), lost, genuine=genuine))
    # The exposures of a staircase are as many as its steps: what people said at each tells little.
    plain_time = judgments if climbed is None else judgments.assign(exposure_ms=np.nan)

    def of(question: str, table: pd.DataFrame) -> pd.DataFrame:
        return table[table["question"] == question]

    statistics = tuple(
        single_statistics(
            of(one.name, judgments if climbed and one.name == results.judged_by else plain_time),
            None if other is None else of(one.name, other), one, str(results.real), settings,
            climbed if one.name == results.judged_by else None,
        )
        for one in questions_of(results.experiment)
    )  # fmt: skip
    digests = tuple((str(folder), _digest(folder)) for folder in folders)
    pictures, problems = _pictures(statistics, results, images)
    return SingleEvidence(
        settings, replace(results, problems=(*results.problems, *problems)), exclusion, judgments,
        plain_rates(counted(plain_time)), statistics, digests, participants(results), pictures,
        registrations,
    )  # fmt: skip


def _pictures(
    statistics: Sequence[SingleStatistics], results: Results, images: Path | None
) -> tuple[Mapping[Shown, Pixels | None], tuple[Problem, ...]]:
    """The images that were mistaken most often, by condition and item."""
    if images is None:
        return {}, ()
    tables = [most_mistaken(one.images) for one in statistics]
    wanted = {shown for table in tables for shown in zip(table["condition"], table["item"], strict=True)}
    return load_images(images, wanted, results, width=320)


def _marked(exclusion: Exclusion) -> pd.DataFrame:
    """The judgments of all questions, with what is excluded."""
    asked = questions_of(exclusion.results.experiment)
    return pd.concat([question_detections(exclusion, one.name) for one in asked], ignore_index=True)


def _lifted(judgments: pd.DataFrame, exclusion: Exclusion, lifted: Exclusion) -> pd.DataFrame | None:
    """The judgments with the other choice of the sentinel filter; None where that makes no difference."""
    mine, others = (
        dict(zip(one.assignments["assignment"], one.assignments["excluded"], strict=True))
        for one in (exclusion, lifted)
    )
    if mine == others:
        return None
    if exclusion.judgments.max_error_ms is not None:
        return _marked(lifted)
    return judgments.assign(excluded=judgments["assignment"].astype(str).map(others).astype(bool))


def refuse_what_pairs_have(settings: AnalysisSettings) -> None:
    """GlimpseError for options that speak of pairs."""
    given = {
        "--metric": settings.metrics, "--compare": settings.compare, "--items": settings.items,
        "--equivalence": settings.intervals.equivalence is not None,
        "--exposure measured": settings.exposure != "nominal",
    }  # fmt: skip
    for option, stated in given.items():
        if stated:
            raise GlimpseError(
                f"{option} is for studies of pairs; this one shows one image at a time. Leave it out."
            )


def _digest(folder: Path) -> str:
    with (folder / "assignments.jsonl").open("rb") as answers:
        return hashlib.file_digest(answers, "sha256").hexdigest()


def plain_rates(judgments: pd.DataFrame) -> pd.DataFrame:
    """Return how often each condition was called generated, with RATE_COLUMNS.

    judgments: those that count.
    """
    rows: list[tuple[Any, ...]] = []
    keys = ["question", "condition", "exposure_ms"]
    cells = judgments.groupby(keys, observed=True, dropna=False, sort=False)
    for (question, condition, exposure), cell in cells:
        k = int(cell["said_generated"].sum())
        rows.append((
            question, condition, bool(cell["generated"].iloc[0]), exposure, len(cell), k, k / len(cell),
            cell["worker"].nunique(), cell["item"].nunique(),
        ))  # fmt: skip
    table = pd.DataFrame(rows, columns=list(RATE_COLUMNS))
    order = ["question", "generated", "condition", "exposure_ms"]
    return table.sort_values(order, ascending=[True, False, True, True], ignore_index=True)


def build_single(
    evidence: SingleEvidence, versions: Mapping[str, str], board: DrawingBoard | None = None
) -> dict[str, bytes]:
    """Return all files of the report by name. Nothing is written. board: has the figures drawn."""
    board = board or DrawingBoard()
    several = len(evidence.statistics) > 1
    drawings: dict[str, dict[str, Drawing]] = {}
    for one in evidence.statistics:
        suffix = f"-{one.question.name}" if several else ""
        own = single_drawings(one, evidence.settings, evidence.pictures, simulated=evidence.results.simulated)
        drawings[one.question.name] = {f"{name}{suffix}": drawing for name, drawing in own.items()}
    every = {name: drawing for own in drawings.values() for name, drawing in own.items()}
    first, answers = evidence.statistics[0], evidence.counted
    asked = answers[answers["question"] == first.question.name]
    every |= single_slide(first, asked, evidence.results, evidence.settings, every)
    board.begin(every)
    facts = _facts(evidence, versions)
    page = _page(evidence, facts, drawings)
    files = _tables(evidence) | {"methods.txt": facts["methods"] + "\n"}
    drawn = board.drawn()
    files["report.html"] = with_figures(page, every, drawn)
    found = {name: text.encode() for name, text in files.items()}
    wanted = {f"{name}.{kind}" for name, one in every.items() for kind in one.kinds(board.formats)}
    found |= {name: data for name, data in drawn.files.items() if name in wanted}
    facts["files"] = sorted([*found, OPENING])
    found[OPENING] = (json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    return found


def single_findings(evidence: SingleEvidence) -> list[tuple[Question, list[str]]]:
    """Return what was found, in sentences, by question."""
    return [(one.question, statements(one, evidence.settings)) for one in evidence.statistics]


def _tables(evidence: SingleEvidence) -> dict[str, str]:
    """The tables as CSV; those that have no rows where nothing applies are left out."""
    each = [(one.question.name, one) for one in evidence.statistics]
    filtered = evidence.settings.rules.sentinel_filter
    parts: dict[str, list[tuple[str, pd.DataFrame]]] = {
        "detection.csv": [
            (name, table.assign(filtered=on))
            for name, one in each
            for table, on in ((one.conditions, filtered), (one.unfiltered, not filtered))
        ],
        "detection_exposures.csv": [(name, one.exposures) for name, one in each],
        "detection_differences.csv": [(name, one.differences) for name, one in each],
        "detection_curves.csv": [(name, _curves(one)) for name, one in each],
        "detection_workers.csv": [(name, one.workers) for name, one in each],
        "detection_images.csv": [(name, one.images) for name, one in each],
        "roc.csv": [(name, one.roc) for name, one in each],
    }
    for file, table in (("blocks", "blocks"), ("workers", "thresholds"), ("systems", "systems")):
        own = [(name, getattr(one.climbs, table)) for name, one in each if one.climbs]
        parts[f"staircase_{file}.csv"] = own
    found = {"judgments.csv": evidence.judgments, "exclusions.csv": evidence.exclusion.assignments,
             "detection_rates.csv": evidence.rates, "participants.csv": evidence.participants}  # fmt: skip
    for file, tables in parts.items():
        filled = [table.assign(question=name) for name, table in tables if len(table)]
        if filled:
            whole = pd.concat(filled, ignore_index=True)
            named = ["question", *(column for column in whole if column != "question")]
            found[file] = whole[named if len(each) > 1 else named[1:]]
    return {name: csv_text(table) for name, table in found.items()}


def _curves(one: SingleStatistics) -> pd.DataFrame:
    rows = [curve.to_dict() for curve in one.curves]
    return pd.DataFrame(rows).drop(columns="covariance") if rows else pd.DataFrame()


def _facts(evidence: SingleEvidence, versions: Mapping[str, str]) -> dict[str, Any]:
    """Return everything for machines: what summary.json holds."""
    results, exclusion, settings = evidence.results, evidence.exclusion, evidence.settings
    counts = {
        "assignments": len(exclusion.assignments),
        "excluded_assignments": int(exclusion.assignments["excluded"].sum()),
        "judgments": len(evidence.judgments),
        "counted_judgments": len(evidence.counted),
        "sentinels": int(evidence.judgments["sentinel"].sum()),
        "workers": int(evidence.counted["worker"].nunique()),
        "participants": int(exclusion.assignments["worker"].nunique()),
    }
    found = {
        "schema_version": 2,
        "task": "single",
        "study": results.study["study"],
        "title": str(results.study.get("title") or results.study["study"]),
        "mode": results.mode,
        "real": results.real,
        "simulated": results.simulated,
        "versions": dict(versions),
        "sources": [{"folder": name, "answers_sha256": digest} for name, digest in evidence.digests],
        "settings": {
            "level": settings.intervals.level, "cluster": settings.intervals.cluster,
            "adjust": settings.intervals.adjust, "threshold": settings.threshold,
            **asdict(settings.rules),
        },
        "counts": counts,
        "exclusions": exclusion.counts.to_dict("records"),
        "participants": records(evidence.participants),
        "detection_rates": evidence.rates.to_dict("records"),
        "questions": [
            question_facts(one) | {"findings": statements(one, settings)} for one in evidence.statistics
        ],
        "problems": [str(problem) for problem in results.problems[:PROBLEMS_LISTED]],
        "problem_count": len(results.problems),
        "findings": [{"text": text} for _, texts in single_findings(evidence) for text in texts],
    }  # fmt: skip
    if evidence.registrations:
        shown = {"conditions": [str(results.real), *evidence.rates["condition"]],
                 "exposures_ms": evidence.rates["exposure_ms"].tolist()}  # fmt: skip
        found["registrations"] = registration_facts(
            evidence.registrations, plain(found), results, settings, plain(shown)
        )
    registered = registered_sentence(found.get("registrations", []))
    found["methods"] = f"{single_methods(evidence.statistics, found, settings)} {registered}".rstrip()
    return dict(plain(found))


def _page(
    evidence: SingleEvidence, facts: Mapping[str, Any], drawings: Mapping[str, Mapping[str, Drawing]]
) -> str:
    """The page as one self-contained HTML text; its figures come later."""
    used = evidence.settings.intervals
    several = len(evidence.statistics) > 1
    figures: dict[str, dict[str, Picture]] = {
        question: {name.removesuffix(f"-{question}"): picture(name, one) for name, one in own.items()}
        for question, own in drawings.items()
    }
    sections = [("findings", "Findings")]
    for one in facts["questions"]:
        suffix, of = (f"-{one['name']}", f": {one['name']}") if several else ("", "")
        if one["staircases"]:
            sections.append((f"staircases{suffix}", TITLES["staircases"] + of))
        usual = "All answers together" if one["staircases"] else "Real or generated"
        sections.append((f"conditions{suffix}", one["text"] if several else usual))
        titles = {"exposures": one["by_exposure"], "differences": one["differences"], "workers": True,
                  "images": one["images"]}  # fmt: skip
        sections += [(f"{name}{suffix}", TITLES[name] + of) for name, there in titles.items() if there]
    sections += [("registered", TITLES["registered"])] if evidence.registrations else []
    sections += [(name, TITLES[name]) for name in ("participants", "exclusions", "methods", "provenance")]
    values = {
        "registrations": [], "below": "h3", **facts, "sections": sections, "figures": figures,
        "level": level_text(used.level), "adjustment": ADJUSTMENTS[used.adjust].label,
        "css": template_text("report/report.css"),
    }  # fmt: skip
    return template("single.html.j2").render(values)


TITLES = {
    "registered": "Registered in advance",
    "exposures": "By exposure", "staircases": "Staircases (HYPE-time)", "workers": "Workers",
    "differences": "Differences between conditions", "images": "Images that were mistaken most often",
    "participants": "Participants", "exclusions": "Exclusions", "methods": "For your paper",
    "provenance": "Provenance",
}  # fmt: skip
