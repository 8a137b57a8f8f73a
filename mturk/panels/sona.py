"""SONA: by links alone. It fills a survey code into a link, and credits whoever comes back with it."""

from __future__ import annotations

from .panel import Panel

PANEL = Panel("sona", "SONA", "survey_code", (), "survey_code=%SURVEY_CODE%", session="survey_code")
# The name that SONA gives the parameter by itself.
BY_ID = Panel("sona", "SONA", "id", (), "id=%SURVEY_CODE%", shown=False, session="id")
