"""How many assignments the study's own rule excludes so far, where the server may read the private trials."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from glimpse.counting import Submitted, left_out, reason_left_out
from glimpse.errors import GlimpseError
from glimpse.submission import AnswerError

from ...answers import read_submission
from ...page.pool import shown_trials
from . import assignments
from .workers import SIMULATOR

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from glimpse.study import Study

    from .database import Row, Transaction

_log = logging.getLogger("mturk.server")
# A look at the dashboard judges at most so many answers: a restarted server catches up look by look.
_AT_ONCE = 1000


@dataclass
class Tallies:
    """The excluded assignments of one study among its first answers, up to the place `upto` among all.

    `by_hit` and `by_batch` count them; `behind` tells whether there may be answers that are not counted yet.
    """

    plan: Study
    upto: int = -1
    behind: bool = False
    by_hit: Counter[str] = field(default_factory=Counter)
    by_batch: Counter[str] = field(default_factory=Counter)
    _people: dict[tuple[str, str], list[tuple[Submitted, str]]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Judge one more assignment, as `assignments.submitted_after` gives it."""
        one = Submitted(
            row["assignment_id"], row["worker_id"], row["batch"] or "", row["submitted"], self._reason(row)
        )
        # Whom the rules leave out depends on nobody else's answers: a worker's count anew, and no others.
        together = self._people.setdefault((one.batch, one.worker_id), [])
        self._count(together, -1)
        together.append((one, row["hit_id"]))
        self._count(together, 1)

    def _count(self, together: list[tuple[Submitted, str]], sign: int) -> None:
        out = left_out(one for one, _ in together)
        for one, hit_id in together:
            if one.assignment_id in out:
                self.by_hit[hit_id] += sign
                self.by_batch[one.batch] += sign

    def _reason(self, row: Row) -> str | None:
        submission = None
        # The parts of a HIT show the same page: `b1-h01`, `b1-h01.2`.
        hit, trials = (row["name"] or "").partition(".")[0], None
        with suppress(AnswerError):
            found = read_submission(row["answer"])
            hit, trials = shown_trials(self.plan, hit, row["answer"])
            # `collect` leaves out, too, what says that it is simulated and is not our simulator's.
            submission = None if found.simulated and row["panel"] != SIMULATOR else found
        return reason_left_out(self.plan, hit, submission, trials)


class Exclusions:
    """Counts exclusions of the studies in `folders`; each assignment's answer is read once."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self._studies: dict[str, Tallies] | None = None
        self._one_at_a_time = threading.Lock()

    def count(self, tx: Transaction, study: str | None) -> Tallies | None:
        """Take in what was submitted since the last time; None without a folder of the study."""
        with self._one_at_a_time:
            known = self._read().get(study or "")
            if known is None:
                return None
            rows = assignments.submitted_after(tx, known.upto, _AT_ONCE, known.plan.study)
            for row in rows:
                if row["study"] == known.plan.study:
                    known.add(row)
            known.upto = rows[-1]["submit_order"] if rows else known.upto
            known.behind = len(rows) == _AT_ONCE
            return known

    def begin_anew(self) -> None:
        """Count every answer again: some that were counted are gone."""
        with self._one_at_a_time:
            self._studies = None

    def behind(self, study: str) -> bool:
        """Tell whether the next count of a study may find more than was submitted since the last."""
        known = (self._studies or {}).get(study)
        return known is not None and known.behind

    def _read(self) -> dict[str, Tallies]:
        if self._studies is None:
            self._studies = {}
            for folder in self._folders:
                try:
                    from glimpse.study import read_study

                    study = read_study(folder)
                    self._studies[study.study] = Tallies(study)
                except (GlimpseError, ImportError, OSError) as error:
                    _log.warning("The dashboard cannot count exclusions of %s: %s", folder, error)
        return self._studies
