"""The panels that Glimpse knows, in the order in which a link is read and the dashboard lists them."""

from __future__ import annotations

from . import connect, lab, own_run, prolific, sona

PANELS = (prolific.PANEL, connect.PANEL, sona.PANEL, sona.BY_ID, own_run.PANEL, lab.PANEL)


def pays(name: str | None) -> bool:
    """Tell whether a panel by this name says and pays the reward itself.

    >>> pays("prolific"), pays("lab"), pays(None)
    (True, False, False)
    """
    return any(panel.name == name and panel.pays for panel in PANELS)
