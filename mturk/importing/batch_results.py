"""MTurk's batch result files -> results/: the CRN authors', AMT_Real_vs_Fake's, and our own page's.

One row is one assignment. In the first two formats the row carries its whole design (`Input.*`): rows with
the same pairs are assignments of one HIT, a condition is the folder in an image's address, an item its file
name. Our own page's answers (`Answer.answers`) name trials of a study folder. Rows that cannot be read are
left out and named by file and line; everything else is kept as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.files import write_whole
from glimpse.forms import form_problem
from glimpse.people import PRIVATE, WORKER_COLUMNS, WORKERS, pseudonym, workers_csv
from glimpse.sent import parse_submission
from glimpse.submission import FIELD, STATUSES, AnswerError, assignment_line, write_lines
from glimpse.tables import read_table

from .batch_csv import AMT_EXPOSURE_MS, AMT_PRACTICE, AMT_REAL_VS_FAKE, CRN_AUTHORS, Pair, image_of, numbers
from .imported_design import ImportedDesign, lay_out, reference_side

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from glimpse.study import Study

GLIMPSE = "glimpse"
FORMATS = (CRN_AUTHORS, AMT_REAL_VS_FAKE, GLIMPSE)
COLUMNS = {
    CRN_AUTHORS: ("Input.image_A_url_1", "Input.image_B_url_1", "Answer.choice_1"),
    AMT_REAL_VS_FAKE: ("Input.gt_side0", "Input.images_left0", "Input.images_right0", "Answer.selection0"),
    GLIMPSE: (f"Answer.{FIELD}",),
}
NEEDED = ("AssignmentId", "WorkerId")
SIDES = {"optionA": "left", "optionB": "right"}
OPPOSITE = {"left": "right", "right": "left"}
# The zones that MTurk writes; it has its clocks in Seattle.
ZONES = {"PST": -8, "PDT": -7, "UTC": 0, "GMT": 0}


class RowError(GlimpseError):
    """A row that cannot be an assignment; the text says why."""


@dataclass(frozen=True)
class Row:
    """A row of a result file: where it stands, and its cells by column."""

    where: str
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """Return a cell that must be there."""
        value = self.cells.get(column)
        if not value:
            raise RowError(f"{self.where}: column {column} is missing or empty")
        return value


@dataclass
class Imported:
    """What was read, as it will be written: the design, lines of assignments.jsonl, who is who, bad rows."""

    study_json: str
    trials_csv: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    workers: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """How to read a file: see the command's options. None means what the format itself says."""

    real: str | None = None
    sentinels: tuple[str, ...] = ()
    practice_trials: int | None = None
    exposure_ms: int | None = None


def read_rows(path: Path, kind: str) -> Iterator[Row | RowError]:
    """Yield a file's rows, and a RowError for each malformed row; GlimpseError for another format."""
    needed = (*NEEDED, *COLUMNS[kind])
    table = read_table(path, needed)
    names = table.head
    if missing := [name for name in needed if name not in names]:
        raise GlimpseError(
            f"{path} is not a result file of format {kind}: it lacks "
            f"{', '.join(missing)}. It has {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}"
        )
    for line, cells in table.rows:
        where = f"{path}, line {line}"
        if len(cells) != len(names):
            yield RowError(f"{where}: the row does not have the header's {len(names)} cells")
        else:
            yield Row(where, dict(zip(names, cells, strict=True)))


def import_results(
    paths: Sequence[Path], kind: str, options: Options, study: Study | None = None
) -> Imported:
    """Read result files of one study; `study` is the folder whose page was used, for the format glimpse.

    GlimpseError when no row can be read, or when the files are not of this format.
    """
    if kind not in FORMATS:
        raise GlimpseError(f"no format {kind!r}; there are {', '.join(FORMATS)}")
    rows: list[Row] = []
    problems: list[str] = []
    for path in paths:
        for row in read_rows(path, kind):
            if isinstance(row, Row):
                rows.append(row)
            else:
                problems.append(str(row))
    found = _own(rows, problems, study) if kind == GLIMPSE else _foreign(rows, problems, kind, options)
    if not found.lines:
        first = f" The first: {problems[0]}" if problems else ""
        raise GlimpseError(f"{', '.join(map(str, paths))}: no row is an assignment.{first}")
    return found


def _foreign(rows: list[Row], problems: list[str], kind: str, options: Options) -> Imported:
    """Import rows that carry their design."""
    read = {CRN_AUTHORS: _authors, AMT_REAL_VS_FAKE: _amt}[kind]
    good: list[tuple[Row, tuple[tuple[Pair, str, str], ...], list[str | None]]] = []
    for row in _distinct(rows, problems):
        try:
            good.append((row, *read(row, options)))
        except GlimpseError as error:
            problems.append(str(error))
    if not good:
        return Imported("", "", problems=problems)
    real = options.real
    if real is None and kind == AMT_REAL_VS_FAKE:
        real = reference_side((row["Input.gt_side0"], shown[0][0]) for row, shown, _ in good)
    laid_out = lay_out(
        [(row.cells, shown) for row, shown, _ in good], real or "real", options.sentinels, kind
    )
    found = Imported(laid_out.study_json(), laid_out.trials_csv(), problems=problems, facts=laid_out.facts())
    for row, shown, sides in good:
        hit, trials = laid_out.trials_of(shown)
        answers = [
            {
                "trial": trial,
                "side": side,
                "response_ms": None,
                "shown_ms": None,
                "frames": None,
                "onset_ms": None,
            }
            for trial, side in zip(trials, sides, strict=True)
            if side
        ]
        _add(found, row, hit, laid_out, {"simulated": False, "page": {}, "answers": answers})
    return found


def _own(rows: list[Row], problems: list[str], study: Study | None) -> Imported:
    """Import rows that hold our page's own answers; the design is that of the study folder."""
    if study is None or study.folder is None:
        raise GlimpseError("the format glimpse needs the study's folder: --study FOLDER")
    found = Imported(
        (study.folder / "study.json").read_text(encoding="utf-8"),
        (study.folder / "trials.csv").read_text(encoding="utf-8"),
        problems=problems,
        facts={"conditions": list(study.experiment.conditions), "real": study.experiment.real},
    )
    hits = {hit.hit for hit in study.hits}
    for row in _distinct(rows, problems):
        try:
            submission = parse_submission(row[f"Answer.{FIELD}"])
            if submission.study != study.study or submission.hit not in hits:
                raise RowError(
                    f"{row.where}: HIT {submission.hit} of study {submission.study}, "
                    f"which is not in {study.folder} ({study.study})"
                )
            if submission.simulated:
                raise RowError(
                    f"{row.where}: the answer says that it is simulated; `simulate` writes its results itself"
                )
        except RowError as error:
            problems.append(str(error))
        except AnswerError as error:
            problems.append(f"{row.where}: {error}")
        else:
            body = {"simulated": False, **submission.body()}
            if problem := form_problem(study.forms, submission.form):
                body["problem"] = problem
                problems.append(f"{row.where}: {problem}; the row was kept")
            _add(found, row, submission.hit, study, body)
    return found


def _distinct(rows: list[Row], problems: list[str]) -> Iterator[Row]:
    """Yield the rows that name an assignment and a worker, each assignment once."""
    seen: dict[str, str] = {}
    for row in rows:
        try:
            name = row["AssignmentId"]
            row["WorkerId"]
            if name in seen:
                raise RowError(f"{row.where}: assignment {name} was already read from {seen[name]}")
        except RowError as error:
            problems.append(str(error))
            continue
        seen[name] = row.where
        yield row


def _add(found: Imported, row: Row, hit: str, owner: Study | ImportedDesign, body: dict[str, Any]) -> None:
    worker = row["WorkerId"]
    status = row.cells.get("AssignmentStatus", "")
    try:
        times = moment(row.cells.get("AcceptTime", "")), moment(row.cells.get("SubmitTime", ""))
    except ValueError as error:
        found.problems.append(f"{row.where}: {error}; the row was kept without its times")
        times = None, None
    name = pseudonym(owner.secret, worker)
    found.workers[name] = worker
    found.lines.append(
        assignment_line(
            row["AssignmentId"],
            hit,
            row.cells.get("HITId", ""),
            name,
            status=status if status in STATUSES else "Submitted",
            times=times,
            body=body,
        )
    )


def _authors(row: Row, _options: Options) -> tuple[tuple[tuple[Pair, str, str], ...], list[str | None]]:
    """Return what a row of the CRN authors' page showed, with both addresses, and the sides chosen."""
    shown, sides = [], []
    for number in numbers(row.cells, r"Input\.image_A_url_(\d+)"):
        left, right = row[f"Input.image_A_url_{number}"], row[f"Input.image_B_url_{number}"]
        exposure = None
        if f"Input.time_{number}" in row.cells:
            cell = row[f"Input.time_{number}"].strip()
            if not re.fullmatch(r"[1-9]\d{0,4}", cell):
                raise RowError(f"{row.where}: Input.time_{number} is {cell!r}, no number of milliseconds")
            exposure = int(cell)
        shown.append((_pair(row, left, right, exposure), left, right))
        choice = row.cells.get(f"Answer.choice_{number}", "")
        if choice and choice not in SIDES:
            raise RowError(
                f"{row.where}: Answer.choice_{number} is {choice!r}; allowed are optionA, optionB and nothing"
            )
        sides.append(SIDES.get(choice))
    return tuple(shown), sides


def _amt(row: Row, options: Options) -> tuple[tuple[tuple[Pair, str, str], ...], list[str | None]]:
    """Return what a row of AMT_Real_vs_Fake's page showed; its workers named the fake side, we the other."""
    practice = AMT_PRACTICE if options.practice_trials is None else options.practice_trials
    exposure = AMT_EXPOSURE_MS if options.exposure_ms is None else options.exposure_ms
    shown, sides = [], []
    for number in numbers(row.cells, r"Input\.images_left(\d+)"):
        left, right = row[f"Input.images_left{number}"], row[f"Input.images_right{number}"]
        truth = row[f"Input.gt_side{number}"]
        if truth not in OPPOSITE:
            raise RowError(f"{row.where}: Input.gt_side{number} is {truth!r}; allowed are left and right")
        shown.append((_pair(row, left, right, exposure, practice=number < practice), left, right))
        fake = row.cells.get(f"Answer.selection{number}", "") or "unset"
        if fake not in (*OPPOSITE, "unset"):
            raise RowError(
                f"{row.where}: Answer.selection{number} is {fake!r}; allowed are left, right and unset"
            )
        sides.append(OPPOSITE.get(fake))
    return tuple(shown), sides


def _pair(row: Row, left: str, right: str, exposure_ms: int | None, *, practice: bool = False) -> Pair:
    pair = Pair(image_of(left, row.where), image_of(right, row.where), exposure_ms, practice)
    if pair.left[0] == pair.right[0]:
        raise RowError(f"{row.where}: {left} and {right} are of one condition, {pair.left[0]}")
    return pair


def moment(text: str) -> str | None:
    """Return a time of a result file ("Wed Aug 02 10:05:44 PDT 2017") as ISO 8601 in UTC; None for none.

    ValueError for another form.
    """
    words = text.split()
    if not words:
        return None
    if len(words) == 6 and words[4] in ZONES:
        zone = timezone(timedelta(hours=ZONES[words.pop(4)]))
        parsed = datetime.strptime(" ".join(words), "%a %b %d %H:%M:%S %Y").replace(tzinfo=zone)
    else:
        try:
            parsed = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(f"time {text!r} is not like 'Wed Aug 02 10:05:44 PDT 2017'") from None
        parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_results(found: Imported, out: Path) -> None:
    """Write a results folder that stands alone; GlimpseError when `out` holds other results."""
    existing = out / "study.json"
    held = existing.read_text(encoding="utf-8") if existing.exists() else None
    if held != found.study_json and (held is not None or (out / "assignments.jsonl").exists()):
        raise GlimpseError(f"{out} holds other results, which are never overwritten. Choose another --out")
    lines = write_lines(found.lines)
    old = out / "assignments.jsonl"
    if old.exists() and old.read_text(encoding="utf-8") != lines:
        raise GlimpseError(f"{out} holds other answers of this study. Choose another folder with --out")
    # study.json first: it tells a second run whose results these are, should this one break off.
    write_whole(out / "study.json", found.study_json)
    write_whole(out / WORKERS, workers_csv([WORKER_COLUMNS[:2], *found.workers.items()]), mode=PRIVATE)
    write_whole(out / "trials.csv", found.trials_csv)
    write_whole(out / "assignments.jsonl", lines)
