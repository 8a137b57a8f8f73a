"""How many assignments the study's own rule excludes so far, where the server may read the private trials."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from glimpse.counting import Submitted, left_out, reason_left_out
from glimpse.errors import GlimpseError
from glimpse.submission import AnswerError

from ...answers import read_submission
from .workers import SIMULATOR

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from glimpse.study import Study

    from .database import Row

_log = logging.getLogger("mturk.server")


class Exclusions:
    """Counts exclusions of the studies in `folders`; each assignment's answer is read once."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self._studies: dict[str, Study] | None = None
        self._reasons: dict[str, str | None] = {}

    def readable(self, study: str) -> bool:
        """Tell whether this server was given the study's folder."""
        return study in self._read()

    def excluded(self, study: str, rows: Iterable[Row]) -> set[str]:
        """Return the assignment ids among `rows`, as `assignments.answers` gives them, that are left out."""
        plan = self._read().get(study)
        if plan is None:
            return set()
        found = (
            Submitted(
                row["assignment_id"],
                row["worker_id"],
                row["batch"] or "",
                row["submitted"],
                self._reason(plan, row),
            )
            for row in rows
        )
        return set(left_out(found))

    def _reason(self, plan: Study, row: Row) -> str | None:
        name = row["assignment_id"]
        if name not in self._reasons:
            submission = None
            with suppress(AnswerError):
                found = read_submission(row["answer"])
                # `collect` leaves out, too, what says that it is simulated and is not our simulator's.
                submission = None if found.simulated and row["panel"] != SIMULATOR else found
            # The parts of a HIT show the same page: `b1-h01`, `b1-h01.2`.
            hit = (row["name"] or "").partition(".")[0]
            self._reasons[name] = reason_left_out(plan, hit, submission)
        return self._reasons[name]

    def _read(self) -> dict[str, Study]:
        if self._studies is None:
            self._studies = {}
            for folder in self._folders:
                try:
                    from glimpse.study import read_study

                    study = read_study(folder)
                    self._studies[study.study] = study
                except (GlimpseError, ImportError, OSError) as error:
                    _log.warning("The dashboard cannot count exclusions of %s: %s", folder, error)
        return self._studies
