"""CloudResearch Connect: by links alone. It appends its three parameters to a link by itself."""

from __future__ import annotations

from .panel import Outcome, Panel

PANEL = Panel(
    "connect",
    "CloudResearch Connect",
    "participantId",
    ("assignmentId", "projectId"),
    "",
    session="assignmentId",
    outcomes=(
        Outcome("COMPLETED", "completed", ("completed",)),
        Outcome("NO_CONSENT", "not completed", ("declined",)),
        Outcome("INCOMPATIBLE_DEVICE", "not completed", ("screened", "cookies")),
        Outcome("NOT_FINISHED", "not completed", ("time", "returned", "full", "done")),
    ),
)
