"""The tables `study_settings` and `arrivals`: how studies end for participants, and how these came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .database import Row, Transaction


def settings(tx: Transaction, study: str) -> dict[str, Any]:
    """Return the settings of a study as they were kept; empty when none were."""
    row = tx.one("SELECT settings FROM study_settings WHERE study = ?", study)
    kept: dict[str, Any] = json.loads(row["settings"]) if row else {}
    return kept


def set_settings(tx: Transaction, study: str, kept: dict[str, Any]) -> None:
    """Keep the settings of a study."""
    tx.run(
        "INSERT INTO study_settings VALUES (?, ?) "
        "ON CONFLICT (study) DO UPDATE SET settings = excluded.settings",
        study, json.dumps(kept),
    )  # fmt: skip


def add_arrival(tx: Transaction, worker_id: str, study: str, panel: str, parameters: dict[str, str]) -> int:
    """Note that a worker came by a panel's link, with its parameters; returns the arrival's number."""
    return tx.insert(
        "INSERT INTO arrivals (worker_id, study, panel, parameters, at) VALUES (?, ?, ?, ?, ?) "
        "RETURNING id",
        worker_id, study, panel, json.dumps(parameters), tx.now,
    )  # fmt: skip


def parameters_of(tx: Transaction, worker_id: str, study: str) -> list[dict[str, str]]:
    """Return the parameters of every link by which a worker came for a study."""
    rows = tx.all("SELECT parameters FROM arrivals WHERE worker_id = ? AND study = ?", worker_id, study)
    return [json.loads(row["parameters"]) for row in rows]


def came_for(tx: Transaction, number: int | None) -> str | None:
    """Return the study whose link an arrival came by."""
    row = tx.one("SELECT study FROM arrivals WHERE id = ?", number)
    return str(row["study"]) if row else None


def arrival(tx: Transaction, number: int | None) -> Row | None:
    """Return an arrival (panel, parameters as JSON); None when there is none."""
    return tx.one("SELECT panel, parameters FROM arrivals WHERE id = ?", number)
