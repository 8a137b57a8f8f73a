"""The requester's account: its balance, and what it wants to hear of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.errors import RequestError
from ..storage import events, hits

if TYPE_CHECKING:
    from ..storage.database import Transaction
    from .parameters import Parameters, Result

BALANCE_USD = "10000.00"


def get_account_balance(_tx: Transaction, _parameters: Parameters) -> Result:
    """Return the sandbox's balance: no money moves here."""
    return {"AvailableBalance": BALANCE_USD}


def update_notification_settings(tx: Transaction, parameters: Parameters) -> Result:
    """Keep what a requester wants to hear of; nothing leaves this server, the audit log has every event."""
    if parameters.get("Notification") is None and parameters.get("Active") is None:
        raise RequestError("Give Notification, Active, or both.")
    kept = hits.notification(tx, parameters["HITTypeId"])
    kept |= {
        name: parameters[name] for name in ("Notification", "Active") if parameters.get(name) is not None
    }
    hits.set_notification(tx, parameters["HITTypeId"], kept)
    return {}


def send_test_event_notification(tx: Transaction, parameters: Parameters) -> Result:
    """Write a test event into the audit log, where real events go."""
    destination = parameters["Notification"]["Destination"]
    events.log(tx, "TestEvent", event=parameters["TestEventType"], destination=destination)
    return {}
