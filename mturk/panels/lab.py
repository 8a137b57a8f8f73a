"""A lab's own participants: a number or name in the link, or asked for when they come."""

from __future__ import annotations

from .panel import Panel

LAB = "lab"
PANEL = Panel(LAB, "Lab", "participant", (), "participant=P01", pays=False)
