"""The panels that Glimpse knows, in the order in which a link is read and the dashboard lists them."""

from __future__ import annotations

from . import connect, lab, own_run, prolific, sona

PANELS = (prolific.PANEL, connect.PANEL, sona.PANEL, sona.BY_ID, own_run.PANEL, lab.PANEL)
