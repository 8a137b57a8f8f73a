"""A HIT's page in a browser on this computer: its address on the disk, and the window."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from pathlib import Path

# Any id but MTurk's ASSIGNMENT_ID_NOT_AVAILABLE lets the page run.
TRIAL_RUN = "TRIALRUN"


def page_address(page: Path, hit: str, *, accepted: bool = True) -> str:
    """Return the file: address of a HIT's page, as it looks before or after the HIT is accepted."""
    return f"{page.resolve().as_uri()}{page_query(hit, accepted=accepted)}"


def page_query(hit: str, *, accepted: bool) -> str:
    """Return what stands behind the address of a page that is looked at, from the question mark on."""
    assignment = TRIAL_RUN if accepted else "ASSIGNMENT_ID_NOT_AVAILABLE"
    return "?" + urlencode({"assignmentId": assignment, "hitId": hit, "workerId": "PREVIEW"})


def open_browser(address: str) -> bool:
    """Open a browser window; False where there is none."""
    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False
