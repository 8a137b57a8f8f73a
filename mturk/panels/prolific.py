"""Prolific: who comes by its links, how they go back, and where its API is."""

from __future__ import annotations

from urllib.parse import urlsplit

from .panel import Panel, PanelOutcome

API_URL = "https://api.prolific.com"
APP_URL = "https://app.prolific.com"
ISSUER = "https://www.prolific.com"
JWKS_PATH = "/.well-known/study/jwks.json"
# The parameter in which Prolific signs a link.
TOKEN = "prolific_token"  # noqa: S105 - the name of a parameter
COMPLETED = "COMPLETED"

PANEL = Panel(
    "prolific",
    "Prolific",
    "PROLIFIC_PID",
    ("STUDY_ID", "SESSION_ID"),
    "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}",
    session="SESSION_ID",
    back=f"{APP_URL}/submissions/complete?cc={{code}}",
    outcomes=(
        PanelOutcome(COMPLETED, "COMPLETED", ("completed",)),
        PanelOutcome("NO_CONSENT", "NO_CONSENT", ("declined",), "You did not agree to take part."),
        PanelOutcome(
            "INCOMPATIBLE_DEVICE",
            "INCOMPATIBLE_DEVICE",
            ("screened", "cookies"),
            "The study does not run on this device or in this browser.",
        ),
        PanelOutcome("TIMED_OUT", "OTHER", ("time",), "The time for the study was over before its end."),
        PanelOutcome("RETURNED", "OTHER", ("returned",), "You gave the study back before its end."),
        PanelOutcome("NO_PLACE", "OTHER", ("full", "done"), "No place in the study was free for you."),
    ),
)


def is_rehearsal(base: str) -> bool:
    """Tell whether an API's address is not Prolific's own: there no money moves.

    >>> is_rehearsal("https://api.prolific.com"), is_rehearsal("http://127.0.0.1:8080/fake-prolific")
    (False, True)
    """
    return urlsplit(base).netloc != urlsplit(API_URL).netloc


def back_address(base: str) -> str:
    """Return where participants go with their code, {code} in its place, for an API at `base`."""
    app = base.rstrip("/") if is_rehearsal(base) else APP_URL
    return f"{app}/submissions/complete?cc={{code}}"
