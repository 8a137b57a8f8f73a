"""What results say of the panel that sent somebody: on each line, and in workers.csv beside who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glimpse.files import write_whole
from glimpse.people import PRIVATE, WORKER_COLUMNS, WORKERS, read_workers, workers_csv

from ..publishing.ledger import exclusive
from .matching import side_by_side, verified
from .own_side import FINISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from .matching import PanelSubmission
    from .own_side import PanelArrival

PANEL, VERIFIED = "panel", "verified"
COUNT_AS_VERIFIED = ("signed", "listed")


class PanelMarks:
    """Says of assignments by which panel they came, and whether that is verified; asks again for new ones.

    `ask` returns Prolific's submissions and our arrivals; where no panel has a list, no submissions.
    `only_verified` keeps all others out of results; `left_out` are their assignments.
    """

    def __init__(
        self,
        ask: Callable[[], tuple[list[PanelSubmission] | None, list[PanelArrival]]],
        *,
        only_verified: bool = False,
    ) -> None:
        self._ask, self._only_verified = ask, only_verified
        self.left_out: set[str] = set()
        self._known: dict[str, dict[str, str]] = {}
        self._people: dict[str, dict[str, str]] = {}

    def __call__(self, wanted: list[str]) -> dict[str, dict[str, str]]:
        """Return, by assignment id, `panel` and `verified` (signed, listed, no, unknown)."""
        if any(name not in self._known for name in wanted):
            self._look()
        return self._known

    def keep(self, assignments: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return those of a page's assignments that results are to hold."""
        if not self._only_verified:
            return assignments
        known = self([one["AssignmentId"] for one in assignments])
        kept = []
        for one in assignments:
            if known.get(one["AssignmentId"], {}).get(VERIFIED) in COUNT_AS_VERIFIED:
                kept.append(one)
            else:
                self.left_out.add(one["AssignmentId"])
        return kept

    def _look(self) -> None:
        there, here = self._ask()
        checked = verified(side_by_side(there, here)) if there is not None else {}
        for one in here:
            # A panel without a list cannot be asked, and nothing is held against who came by it.
            asked = {"yes": "listed", "no": "no"}.get(one.looked_up, "unknown")
            default = "signed" if one.signed else asked
            listed = one.panel == "prolific" and there is not None
            found = checked.get(one.assignment_id, "no" if listed else default)
            self._known[one.assignment_id] = {PANEL: one.panel, VERIFIED: found}
            if one.status in FINISHED:
                self._people[one.worker_id] = self._known[one.assignment_id]

    def mark_workers(self, out: Path) -> None:
        """Add `panel` and `verified` to the workers' list of a results folder."""
        self._look()
        with exclusive(out / ".lock", f"{out}: another collect is running", wait=True):
            rows, problems = read_workers(out / WORKERS)
            if problems or not rows or tuple(rows[0][:3]) != WORKER_COLUMNS:
                return  # `collect` says what is wrong with the file
            text = workers_csv([[*WORKER_COLUMNS, PANEL, VERIFIED], *map(self._row, rows[1:])])
            write_whole(out / WORKERS, text, mode=PRIVATE)

    def _row(self, row: list[str]) -> Iterable[str]:
        told = [*row, "", "", "", ""]
        marks = self._people.get(row[1], {PANEL: told[3], VERIFIED: told[4]})
        return [*told[:3], marks[PANEL], marks[VERIFIED]]
