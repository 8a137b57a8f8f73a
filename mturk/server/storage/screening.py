"""How many assignments the study's own rule excludes so far, where the server may read the private trials."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from glimpse.counting import reason_left_out
from glimpse.errors import GlimpseError
from glimpse.submission import AnswerError

from ...answers import read_submission

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from glimpse.study import Study

    from .database import Row

_log = logging.getLogger("mturk.server")


class Exclusions:
    """Counts exclusions of the studies in `folders`; each assignment is read once."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self._studies: dict[str, Study] | None = None
        self._known: dict[str, bool] = {}

    def readable(self, study: str) -> bool:
        """Tell whether this server was given the study's folder."""
        return study in self._read()

    def excluded(self, study: str, rows: Iterable[Row]) -> set[str]:
        """Return the assignment ids among `rows` (assignment_id, answer) that the study's rule excludes."""
        plan = self._read().get(study)
        if plan is None:
            return set()
        found = set()
        for row in rows:
            identifier = row["assignment_id"]
            if identifier not in self._known:
                self._known[identifier] = _is_excluded(plan, row["answer"])
            if self._known[identifier]:
                found.add(identifier)
        return found

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


def _is_excluded(plan: Study, answer: str) -> bool:
    try:
        submission = read_submission(answer)
    except AnswerError:
        return True
    trials = plan.trials_of(submission.hit)
    return reason_left_out(submission, trials, plan.experiment.max_wrong_sentinels) is not None
