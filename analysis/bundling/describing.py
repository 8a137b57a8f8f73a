"""What a bundle says of itself: to people in README.md, to programs as Psych-DS has it."""

from __future__ import annotations

import csv
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

from glimpse.text import counted, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

DESCRIPTION = "dataset_description.json"
# Files of the bundle -> their name among the data, after Psych-DS: keyword-value pairs, then `_data`.
TABLES = {
    "report/judgments.csv": "judgments",
    "report/exclusions.csv": "assignments",
    "results/trials.csv": "trials",
}
COLUMNS = {
    "assignment": "Number of one participant's attempt at one HIT, in the order of submission",
    "worker": "Number of a participant; it stands for a pseudonym and cannot be linked back",
    "batch": "Batch of HITs that were published together",
    "hit": "HIT: a page of trials",
    "position": "Place of the trial in its HIT, from 1; practice first",
    "trial": "Trial: one pair of stimuli, one exposure, one answer",
    "pair": "Unordered pair of stimuli, by their opaque names",
    "contrast": "Unordered pair of conditions",
    "condition_a": "First condition of the contrast",
    "condition_b": "Second condition of the contrast",
    "item_a": "Scene that the stimulus of condition A depicts",
    "item_b": "Scene that the stimulus of condition B depicts",
    "exposure_ms": "Planned exposure in ms, from onset to offset; empty: until the answer",
    "shown_ms": "Measured exposure in ms; empty: unlimited or not measured",
    "side_of_a": "Side on which condition A stood",
    "chosen_side": "Side that was chosen: left, right or tie",
    "chose_a": "1 if condition A was chosen, 0 if B; empty for a tie",
    "response_ms": "Response time in ms, from the moment when answers were possible",
    "sentinel": "1 for a trial with a known answer (catch trial), else 0",
    "correct": "1 if a sentinel was answered correctly, else 0; empty for other trials",
    "excluded": "1 if left out of the analysis, else 0",
    "reason": "Why it was left out: the first reason; empty if it was not",
    "reasons": "All reasons for which it was left out",
    "source": "Folder of results from which the row comes",
    "question": "Question that was answered",
    "choice": "Answer as it was given",
    "plays": "How often the pair of clips was started",
    "skew_ms": "How much later the left clip began to move than the right one, in ms",
    "dropped": "Frames of both clips that were due and never shown",
    "stalls": "How often a clip waited for data",
    "panel": "Where the participant came from",
    "study": "Identifier of the study",
    "submitted_at": "Time of submission in UTC, in ISO 8601, as coarse as bundle.json says",
    "n_answered": "Trials that were answered, practice left out",
    "n_trials": "Trials of the HIT, practice left out",
    "n_sentinels": "Sentinels that were answered",
    "n_wrong": "Sentinels that were answered wrongly",
    "n_exposure_error": "Answers whose exposure was further off than allowed",
    "correct_side": "Side that is right in sentinels and practice trials",
    "condition_left": "Condition on the left",
    "item_left": "Scene on the left",
    "stimulus_left": "Opaque name of the stimulus on the left",
    "condition_right": "Condition on the right",
    "item_right": "Scene on the right",
    "stimulus_right": "Opaque name of the stimulus on the right",
    "practice": "1 for a practice trial, which is never analysed, else 0",
    "condition": "Condition of the image, of single images",
    "item": "Scene that the image depicts, of single images",
    "generated": "1 if the image was generated, 0 if it was real",
    "said_generated": "1 if it was called generated, 0 if it was called real",
    "rating": "Answer as a number: negative for real, positive for generated, the further from 0 the surer",
    "context": "Item whose prompt or reference stood with the pair",
}
UNITS = {"_ms": "ms"}


def stage_tables(folder: Path, study: str) -> dict[str, list[str]]:
    """Copy the tables into data/ under the names of Psych-DS; return their columns by file."""
    (folder / "data").mkdir()
    found = {}
    for source, name in TABLES.items():
        target = folder / table_name(study, name)
        shutil.copyfile(folder / source, target)
        with target.open(encoding="utf-8", newline="") as file:
            found[f"data/{target.name}"] = next(csv.reader(file), [])
    return found


def table_name(study: str, kind: str) -> str:
    """Return where a table of `TABLES` lies in a bundle, as Psych-DS names it.

    >>> table_name("lab-7", "trials")
    'data/study-lab7_description-trials_data.csv'
    """
    return f"data/study-{re.sub(r'[^A-Za-z0-9]', '', study)}_description-{kind}_data.csv"


def dataset_description(manifest: Mapping[str, Any], tables: Mapping[str, Sequence[str]], words: str) -> str:
    """Return dataset_description.json as Psych-DS has it: a Dataset of schema.org with every column."""
    columns = dict.fromkeys(name for own in tables.values() for name in own)
    found = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": manifest["title"],
        "description": words,
        "variableMeasured": [_variable(name) for name in columns],
        "identifier": manifest["study"],
        "keywords": ["psychophysics", "image quality", "human evaluation"],
    }
    found |= {
        name: manifest[key] for name, key in (("license", "licence"), ("citation", "cite")) if manifest[key]
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _variable(name: str) -> dict[str, str]:
    found = {"@type": "PropertyValue", "name": name, "description": COLUMNS.get(name, name.replace("_", " "))}
    unit = next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")
    return found | ({"unitText": unit} if unit else {})


def summary_sentence(summary: Mapping[str, Any]) -> str:
    """Say in a sentence what the data are."""
    counts = summary["counts"]
    simulated = "SIMULATED answers, no evidence about people. " if summary.get("simulated") else ""
    if summary.get("task") == "single":
        shown = [str(row["condition"]) for row in summary["questions"][0]["conditions"]]
        what = f"said of images of {listed([*shown, str(summary['real'])])} whether they are real"
        asked = summary["questions"][0]["text"]
    else:
        rows = summary["preference"]
        names = {row[side] for row in rows for side in ("condition_a", "condition_b")}
        what, asked = f"compared {', '.join(sorted(names))}", summary["question"]["text"]
    return (
        f"{simulated}{counted(counts['judgments'], 'answer', ',')} of "
        f"{counted(counts['workers'], 'participant', ',')} in "
        f"{counted(counts['assignments'], 'assignment', ',')} who {what}. "
        f"The question: {asked}"
    )


def readme(manifest: Mapping[str, Any], summary: Mapping[str, Any], files: Sequence[str]) -> str:
    """Return README.md: what this is, how to rerun it, what it holds and what was left out."""
    environment = manifest["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    where = environment["platform"]
    left_out = "\n".join(f"- {note}" for note in manifest["left_out"]) or "- nothing"
    said = [one["text"] if isinstance(one, dict) else one for one in summary.get("findings", [])]
    findings = "\n".join(f"- {text}" for text in said).replace("\u00a0", " ")
    tables = "\n".join(f"| `{name}` | {_FILES[name]} |" for name in _FILES if _is_there(name, files))
    licence = manifest["licence"] or "None is stated: ask the authors before you use the data."
    cite = manifest["cite"] or "The authors did not say."
    return f"""# {manifest["title"]}

{summary_sentence(summary)}

{findings}

## Run it again
This is a study as one file, made with Glimpse. With Glimpse {environment["versions"]["glimpse"]} or later:

    glimpse reproduce study.zip

checks the SHA-256 of every file (bundle.json), analyses the answers again with the same settings, and
compares every number with those in `report/`. `glimpse reproduce study.zip --preview` opens a HIT as
participants saw it.

## What is inside
| file | what it holds |
|---|---|
{tables}

## What was left out
{left_out}

Who a participant is, nobody can find out from the numbers that stand for them. Opaque names of stimuli are
verified by SHA-256: `study/study.json` has that of each file shown, and that of the file it was made from.

## Made with
{versions}; {where["system"]}, {where["machine"]}.

## Licence
{licence}

## How to cite
{cite}
"""


_FILES = {
    "bundle.json": "the SHA-256 of every file, the settings of the analysis, versions",
    "dataset_description.json": "the columns of `data/`, after Psych-DS",
    "data/": "answers, assignments and trials as tables",
    "study/study.json": "the study: design, stimuli, digests",
    "study/study.toml": "the study file, which builds such a study again",
    "study/registration.md": "what was registered in advance (`registration.json`: for programs)",
    "study/trials.csv": "the plan: every trial",
    "study/pages/": "each HIT's page as participants saw it",
    "study/images/": "the stimuli under their opaque names",
    "study/previews/": "small pictures of the stimuli",
    "results/": "the answers as received, with numbers in place of ids",
    "analysis/": "scores of metrics, and groups of items, that the analysis used",
    "report/report.html": "the report",
    "report/methods.txt": "the methods paragraph",
    "report/": "tables and figures",
}


def _is_there(name: str, files: Sequence[str]) -> bool:
    return (
        name in files
        or name == "bundle.json"
        or any(file.startswith(name) for file in files if name[-1] == "/")
    )
