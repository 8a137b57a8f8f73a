"""Assignments -> results/: what is new is appended, what was written stays as it is.

Results stand alone: copies of study.json and trials.csv, one line an assignment, and apart from them the
list of who is who. An assignment is written once, as it is received; its `status` is the one that it has
then, and what becomes of it later is asked of the endpoint (`status`). Whatever a worker sent is kept: an
answer that cannot be read has `problem`, which says why, and `raw`, the text itself; one whose form is not
the study's has `problem` beside what was entered.

Crash at any point and collect again: the workers' list is written before the assignments that name them, both
are only appended to, and a last line that was cut short is cut off and fetched again. So is what came and was
not written yet, about AT_ONCE characters: waiting for the disk at every page would take longer than the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from glimpse.drawn import is_adaptive
from glimpse.errors import GlimpseError
from glimpse.files import write_whole
from glimpse.forms import form_problem
from glimpse.people import (
    PRIVATE,
    WORKER_COLUMNS,
    WORKERS,
    is_narrow,
    pseudonym,
    read_workers,
    widened,
    workers_csv,
)
from glimpse.progress import untracked
from glimpse.questions import is_plain
from glimpse.registration import carry_registration
from glimpse.study import identity, read_document
from glimpse.submission import (
    ASSIGNMENTS,
    SIMULATION,
    STATUSES,
    AnswerError,
    assignment_line,
    read_head,
    write_lines,
)

from ..answers import WITHDRAWN, iso_time, read_submission
from ..publishing.client import TurkError
from ..publishing.ledger import exclusive
from ..publishing.publication import places, published_hits
from ..publishing.publishing import check_known
from ..publishing.several import ahead
from .appending import append, drop_cut_line
from .drawn import DrawnRows
from .participants import People, participants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from glimpse.progress import Track
    from glimpse.study import Study
    from glimpse.submission import Submission

    from ..publishing.client import Requester
    from ..publishing.ledger import Ledger
    from ..publishing.publication import PublishedHit
    from .participants import Marks

NO_MARKS: Mapping[str, str] = MappingProxyType({})
TRIALS = "trials.csv"
AT_ONCE = 8_388_608  # bytes of lines that are written together


@dataclass
class Collected:
    """What a pass found.

    `new` lines were written; `total` of the `places` have their assignment now. Of all lines in the folder
    `simulated` are no people, and `unreadable` hold an answer that is not what the page sends. `problems` has
    these, `damaged` the lines of files that could not be read and were left as they are. `registration` says
    what is wrong with what was registered, if anything.
    """

    new: int = 0
    total: int = 0
    simulated: int = 0
    unreadable: int = 0
    places: int = 0
    problems: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    registration: str = ""

    @property
    def complete(self) -> bool:
        """Whether every place has its assignment."""
        return self.total >= self.places


def record(
    assignment: dict[str, Any],
    hit: str,
    study: Study,
    own: frozenset[str],
    *,
    simulated: bool = False,
    marks: Mapping[str, str] = NO_MARKS,
) -> dict[str, Any]:
    """Return the line of assignments.jsonl for an assignment as the API returns it.

    `hit` is the HIT to which it belongs, `own` the ids of that HIT's trials. `simulated` is what the endpoint
    says of the worker: what a page says of itself decides nothing. `marks` are what is known of the panel
    that sent them, without who they are.
    """
    body: dict[str, Any] = {"simulated": simulated, **marks, "page": {}, "answers": []}
    raw = assignment.get("Answer") or ""
    submission: Submission | None
    try:
        submission = read_submission(raw)
        problem = _unconfirmed(submission, simulated=simulated)
        if not problem:
            body |= submission.body()
            problem = _mismatch(submission, hit, study.study, own)
    except AnswerError as error:
        problem, submission = str(error), None
    if problem:
        body |= {"problem": problem, "raw": raw}
    elif submission is not None and (problem := _unasked(submission, study)):
        body["problem"] = problem
    return assignment_line(
        assignment["AssignmentId"],
        hit,
        assignment["HITId"],
        pseudonym(study.secret, assignment["WorkerId"]),
        status=assignment["AssignmentStatus"],
        times=(iso_time(assignment.get("AcceptTime")), iso_time(assignment.get("SubmitTime"))),
        body=body,
        study=study.study,
    )


def _unconfirmed(submission: Submission, *, simulated: bool) -> str | None:
    """Return what is wrong with an answer that calls itself simulated where no simulator of ours answered."""
    if submission.simulated and not simulated:
        return "submission says that it is simulated, and the requester's key does not confirm it; left out"
    return None


def _mismatch(submission: Submission, hit: str, study: str, own: frozenset[str]) -> str | None:
    """Return how a well-formed submission differs from what the HIT's page sends; None when it does not."""
    if (submission.study, submission.hit) != (study, hit):
        return f"submission is of HIT {submission.hit} of study {submission.study}, the assignment of {hit}"
    if own.issuperset(submission.trials):
        return None
    strange = next(trial for trial in submission.trials if trial not in own)
    return f"submission answers trials that its HIT does not have, such as {strange}"


def _unasked(submission: Submission, study: Study) -> str | None:
    """Return which answer or entry is not one that the study asks for; None where all are."""
    questions = study.experiment.questions
    if not is_plain(questions):
        for answer in submission.answers:
            for question in questions:
                if answer.choice(question) is None:
                    allowed = ", ".join(map(str, question.kind.answers))
                    return f"trial {answer.trial} does not answer {question.name} by one of {allowed}"
    return form_problem(study.forms, submission.form)


class ResultsFolder:
    """A results folder that is being appended to; use it while holding its lock.

    `who` says who is who, and who is no person; `marks` what is known of the panels that sent assignments.
    `damaged` lists the lines that could not be read.
    """

    def __init__(
        self, folder: Path, study: Study, who: Callable[[], People] = People, marks: Marks | None = None
    ) -> None:
        self.folder, self.study, self._who, self._marks = folder, study, who, marks
        self._prepare()
        for name in (ASSIGNMENTS, WORKERS):
            drop_cut_line(folder / name)
        self.trials: dict[str, set[str]] = {}
        for trial in study.trials:
            self.trials.setdefault(trial.hit, set()).add(trial.trial)
        self.counts: dict[str, int] = {}
        self.known: set[str] = set()
        self.simulated = self.unreadable = 0
        self.damaged: list[str] = []
        for line in read_heads(folder / ASSIGNMENTS, self.damaged):
            self._note(line)
        self._people, self._asked = People(), set[str]()
        self._strangers: list[tuple[str, str, str]] = []
        self._lines: list[bytes] = []
        self.workers = self._read_workers()

    def _note(self, line: dict[str, Any]) -> None:
        self.known.add(line["assignment_id"])
        self.counts[line["hit_id"]] = self.counts.get(line["hit_id"], 0) + 1
        self.simulated += bool(line.get("simulated"))
        self.unreadable += "problem" in line

    def _read_workers(self) -> set[str]:
        """Return the pseudonyms that the list has; give it its third column where it was written without."""
        found, problems = read_workers(self.folder / WORKERS)
        self.damaged += problems
        if is_narrow(found) and not problems:
            self._people = self._who()
            text = workers_csv(widened(found, self._people.names))
            write_whole(self.folder / WORKERS, text, mode=PRIVATE)
        return {row[0] for row in found}

    def _prepare(self) -> None:
        """Copy the design on first use; refuse a folder that holds another study's results."""
        source = self.study.folder
        if source is None:
            raise GlimpseError("the study is not on the disk; results need its study.json and trials.csv")
        mine = self.folder / "study.json"
        if mine.exists():
            try:
                held = identity(read_document(mine))
            except GlimpseError as error:
                raise GlimpseError(f"{error} Move {self.folder} away.") from None
            if held != self.study.identity:
                raise GlimpseError(
                    f"{self.folder} holds results of another study "
                    f"({held[0]}, not {self.study.study}). Choose another folder with --out"
                )
        elif (self.folder / ASSIGNMENTS).exists():
            raise GlimpseError(f"{self.folder} holds {ASSIGNMENTS} but no study.json; choose another --out")
        adaptive = is_adaptive(self.study)
        if adaptive:
            drop_cut_line(self.folder / TRIALS)
        self.drawn = DrawnRows(self.folder / TRIALS, self.study) if adaptive else None
        for name in (*([] if adaptive else [TRIALS]), "study.json"):
            if not (self.folder / name).exists():
                write_whole(self.folder / name, (source / name).read_bytes())
        self.registration = carry_registration(source, self.folder)

    def new(self, page: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return those of a page's assignments that are to be written; withdrawn ones just take a place."""
        fresh = [assignment for assignment in page if assignment["AssignmentId"] not in self.known]
        for assignment in fresh:
            if assignment.get("Answer") == WITHDRAWN:
                self.known.add(assignment["AssignmentId"])
                self.counts[assignment["HITId"]] = self.counts.get(assignment["HITId"], 0) + 1
        left = [assignment for assignment in fresh if assignment["AssignmentId"] not in self.known]
        return self._marks.keep(left) if self._marks and left else left

    def take(self, page: list[dict[str, Any]], hit: str) -> list[dict[str, Any]]:
        """Take those of a page's assignments that are new, and return their lines, which `write` writes."""
        fresh = self.new(page)
        self._ask([assignment["WorkerId"] for assignment in fresh])
        simulated = self._people.simulated
        marks = self._marks([one["AssignmentId"] for one in fresh]) if self._marks and fresh else {}
        served = [self._served(one, hit) for one in fresh]
        lines = [
            record(
                one, name, self.study, own, simulated=one["WorkerId"] in simulated,
                marks=marks.get(one["AssignmentId"], NO_MARKS),
            )
            for one, (name, own) in zip(fresh, served, strict=True)
        ]  # fmt: skip
        names = {line["worker"]: one["WorkerId"] for line, one in zip(lines, fresh, strict=True)}
        for name, worker in names.items():
            if name not in self.workers:
                self.workers.add(name)
                self._strangers.append((name, worker, self._people.names.get(worker, "")))
        self._lines.append(write_lines(lines).encode())
        for line in lines:
            self._note(line)
        if sum(map(len, self._lines)) >= AT_ONCE:
            self.write()
        return lines

    def _served(self, assignment: dict[str, Any], hit: str) -> tuple[str, frozenset[str]]:
        """Return the name of the HIT that an assignment was, and the ids of its trials."""
        if self.drawn is not None:
            return self.drawn.take(assignment, hit)
        return hit, frozenset(self.trials.get(hit, ()))

    def _ask(self, workers: list[str]) -> None:
        """Ask who is who, once for each worker whom nobody has named yet."""
        if any(worker not in self._people.names and worker not in self._asked for worker in workers):
            self._people = self._who()
            self._asked.update(workers)

    def write(self) -> None:
        """Write what was taken; it is on the disk when this returns. What an OSError kept out is gone."""
        strangers, lines = self._strangers, self._lines
        self._strangers, self._lines = [], []
        if strangers:
            head = workers_csv([WORKER_COLUMNS])
            append(self.folder / WORKERS, [workers_csv(strangers).encode()], mode=PRIVATE, head=head)
        if self.drawn is not None and (rows := self.drawn.to_append()):
            append(self.drawn.path, [rows])
        if lines:
            append(self.folder / ASSIGNMENTS, lines)


def read_heads(path: Path, damaged: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield what stands before the answers of each line of assignments.jsonl, and whether it has a `problem`.

    What is no line of ours is passed over, and named in `damaged`; the analysis says so, too.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            line = read_head(raw)
            if line is not None:
                yield line
            elif damaged is not None and raw.strip():
                damaged.append(f"{path}, line {number}: not an assignment")


def collect(
    study: Study,
    requester: Requester,
    ledger: Ledger,
    out: Path,
    track: Track = untracked,
    *,
    marks: Marks | None = None,
) -> Collected:
    """Fetch every assignment that is not in `out` yet. Collectors of one folder take turns.

    `marks` returns, by assignment id, what lines say of the panel that sent somebody; see `record`.

    GlimpseError where `out` holds what `simulate` wrote, and where it holds another study's results.
    """
    if (out / SIMULATION).exists():
        raise GlimpseError(
            f"{out} holds answers made by `simulate` ({SIMULATION}); answers of people do not go into the "
            f"same folder. Choose another one: --out {out}-collected"
        )
    hits = published_hits(ledger)
    if not hits:
        raise GlimpseError(f"{ledger.path} names no HITs: publishing did not get that far. Run publish again")
    out.mkdir(parents=True, exist_ok=True)
    check_known(requester, ledger, hits[0])
    with exclusive(out / ".lock", f"{out}: another collect is running", wait=True):
        folder = ResultsFolder(out, study, lambda: participants(requester, study.study), marks)
        found = Collected(places=sum(places(ledger, hit) for hit in hits))
        found.damaged, found.registration = [*ledger.damaged, *folder.damaged], folder.registration
        short = [hit for hit in hits if folder.counts.get(hit.hit_id, 0) < places(ledger, hit)]
        with ahead((_pages(requester, hit) for hit in short), requester.endpoint.at_once) as listed:
            for hit, pages in track(zip(short, listed, strict=True), "Collecting HITs", len(short)):
                try:
                    for page in pages:
                        _take_page(requester, ledger, folder, hit, page, found)
                except (GlimpseError, KeyboardInterrupt):
                    folder.write()
                    raise
        folder.write()
        found.total = sum(folder.counts.get(hit.hit_id, 0) for hit in hits)
        found.simulated, found.unreadable = folder.simulated, folder.unreadable
    return found


def _pages(requester: Requester, hit: PublishedHit) -> Iterator[list[dict[str, Any]]]:
    return requester.pages(
        "ListAssignmentsForHIT", "Assignments", HITId=hit.hit_id, AssignmentStatuses=list(STATUSES)
    )


def _take_page(
    requester: Requester,
    ledger: Ledger,
    folder: ResultsFolder,
    hit: PublishedHit,
    page: list[dict[str, Any]],
    found: Collected,
) -> None:
    fresh = folder.new(page)
    # Before they are written: what is written is never looked at again.
    _mark_workers(requester, ledger, hit, fresh)
    lines = folder.take(fresh, hit.part.hit)
    found.problems += [f"{line['assignment_id']}: {line['problem']}" for line in lines if "problem" in line]
    found.new += len(lines)


def _mark_workers(
    requester: Requester, ledger: Ledger, hit: PublishedHit, assignments: list[dict[str, Any]]
) -> None:
    """Grant the batch's own qualification to who submitted; our server has done so already."""
    once = ledger.outcomes.get(f"once:{hit.part.batch}")
    if requester.endpoint.name == "local" or once is None:
        return
    for assignment in assignments:
        try:
            requester.call(
                "AssociateQualificationWithWorker",
                QualificationTypeId=once["qualification_type_id"],
                WorkerId=assignment["WorkerId"],
                IntegerValue=1,
                SendNotification=False,
            )
        except TurkError as error:
            if "Worker" not in error.code and "worker" not in error.detail.lower():
                raise  # a worker's account may be closed by now; their answers count all the same
