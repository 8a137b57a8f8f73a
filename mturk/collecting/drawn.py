"""trials.csv of the results of a study whose trials are drawn: the rows that each assignment had.

The planned trials are a template that nobody saw as it is, so that they do not stand there. Rows come before
the answers that name them: what a crash leaves behind is rows without answers, which are not written again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glimpse.files import write_whole
from glimpse.submission import AnswerError
from glimpse.trials import iterate_trials, trials_csv

from ..page.pool import shown_trials

if TYPE_CHECKING:
    from pathlib import Path

    from glimpse.study import Study
    from glimpse.trials import Trial


class DrawnRows:
    """The rows of trials.csv in a results folder, and those that are to be appended."""

    def __init__(self, path: Path, study: Study) -> None:
        self.path, self.study = path, study
        self.head = trials_csv(())
        self._new: list[Trial] = []
        if not path.exists():
            write_whole(path, self.head)
        has_rows = path.stat().st_size > len(self.head.encode())
        self._known = {trial.hit for trial in iterate_trials(path)} if has_rows else set()

    def take(self, assignment: dict[str, Any], hit: str) -> tuple[str, frozenset[str]]:
        """Return the name of an assignment's HIT and the ids of its trials; remember those that are new.

        An answer that does not say what was drawn has no trials.
        """
        try:
            name, trials = shown_trials(self.study, hit, assignment.get("Answer") or "")
        except AnswerError:
            return hit, frozenset()
        if name not in self._known:
            self._known.add(name)
            self._new += trials
        return name, frozenset(trial.trial for trial in trials)

    def to_append(self) -> bytes:
        """Return the new rows as they stand in the file, and forget them."""
        rows, self._new = trials_csv(self._new)[len(self.head) :], []
        return rows.encode()
