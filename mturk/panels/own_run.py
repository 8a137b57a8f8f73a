"""A requester's own run through a study, by the dashboard's link: it takes no place and does not count."""

from __future__ import annotations

from .panel import Panel

PANEL = Panel("test", "Test run", "test", (), "", shown=False, pays=False)
