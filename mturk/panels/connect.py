"""CloudResearch Connect: by links alone. It appends its three parameters to a link by itself."""

from __future__ import annotations

from .panel import Panel, PanelOutcome

PANEL = Panel(
    "connect",
    "CloudResearch Connect",
    "participantId",
    ("assignmentId", "projectId"),
    "",
    session="assignmentId",
    outcomes=(
        PanelOutcome("COMPLETED", "completed", ("completed",)),
        PanelOutcome("NO_CONSENT", "not completed", ("declined",)),
        PanelOutcome("INCOMPATIBLE_DEVICE", "not completed", ("screened", "cookies")),
        PanelOutcome("NOT_FINISHED", "not completed", ("time", "returned", "full", "done")),
    ),
)
