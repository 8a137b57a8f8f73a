"""What our own server is told of a panel and tells of its participants, by requests signed with its key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..panels.known import PANELS
from ..publishing.client import CredentialsError, EndpointError
from ..publishing.own_server import TIMEOUT_S, ask, signer

if TYPE_CHECKING:
    from ..publishing.client import Endpoint

FINISHED = ("Submitted", "Approved", "Rejected")
WORKING = "Accepted"


@dataclass(frozen=True)
class PanelArrival:
    """An assignment of ours whose worker came by a panel's link, and what the link said.

    `session` is the panel's name for this participation; `signed`: the panel's signature was checked.
    `looked_up`: whether the panel knew of it when they came (yes, no, empty where it was not asked).
    """

    assignment_id: str
    worker_id: str
    status: str
    hit: str
    panel: str
    participant: str
    session: str
    study: str
    signed: bool
    looked_up: str = ""

    @property
    def is_finished(self) -> bool:
        """Whether its answers were submitted."""
        return self.status in FINISHED


class OwnSide:
    """A study at our own server, beside MTurk's protocol."""

    def __init__(self, target: Endpoint, study: str) -> None:
        self.target, self.study = target, study
        self._url = f"{target.url}/recruiting/{quote(study, safe='')}"

    def set_panel(self, name: str, settings: dict[str, Any]) -> None:
        """Say how people go back to a panel, or who is kept out; the same again changes nothing."""
        self._send({"name": name, "settings": settings})

    def panels(self) -> dict[str, Any]:
        """Return what the server was told, by panel."""
        found: dict[str, Any] = self._get()["panels"]
        return found

    def arrivals(self) -> list[PanelArrival]:
        """Return every assignment that a panel's link led to, in the order of acceptance."""
        return [_arrival(row) for row in self._get()["arrivals"]]

    def release(self, assignments: list[str]) -> list[str]:
        """Free the places of assignments that are still at work; returns those that were."""
        if not assignments:
            return []
        return [str(one) for one in self._send({"release": assignments})["released"]]

    def _get(self) -> dict[str, Any]:
        return self._asked("GET", b"")

    def _send(self, wish: dict[str, Any]) -> dict[str, Any]:
        return self._asked("POST", json.dumps(wish).encode())

    def _asked(self, method: str, body: bytes) -> dict[str, Any]:
        import httpx

        sign = signer(self.target)
        with httpx.Client(timeout=TIMEOUT_S) as client:
            reply = ask(
                self.target, client, method, self._url,
                headers=lambda: sign(method, self._url, body), content=body or None,
            )  # fmt: skip
        if reply.status_code == httpx.codes.FORBIDDEN:
            raise CredentialsError(
                f"{self._url} refuses the keys in {self.target.data}/credentials: {reply.text[:200]}"
            )
        if reply.status_code == httpx.codes.NOT_FOUND:
            raise EndpointError(
                f"{self.target.url} knows nothing of panels. Is it a server of an earlier version? Start it "
                "again with this one"
            )
        if reply.status_code != httpx.codes.OK:
            raise EndpointError(f"{self._url} answers {reply.status_code}: {reply.text[:200]}")
        found: dict[str, Any] = reply.json()
        return found


def _arrival(row: dict[str, Any]) -> PanelArrival:
    parameters = row["parameters"]
    panel = next((one for one in PANELS if one.name == row["panel"]), None)
    session = panel.session if panel else ""
    # SONA's survey code names the person and the participation.
    found = parameters.get("participant", "") if panel and session == panel.person else ""
    return PanelArrival(
        assignment_id=row["assignment_id"],
        worker_id=row["worker_id"],
        status=row["status"],
        hit=str(row["hit"]),
        panel=row["panel"],
        participant=parameters.get("participant", ""),
        session=found or parameters.get(session, ""),
        study=parameters.get("STUDY_ID", ""),
        signed=bool(row["signed"]),
        looked_up=str(row.get("looked_up", "")),
    )
