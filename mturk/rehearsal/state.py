"""What a made-up Prolific knows: studies, submissions, money; without HTTP.

It follows Prolific's public document as far as recruiting needs it. What that leaves open is decided here:
the fee is a third of the reward, with 20 % tax on the fee; a study is completed when its places are taken.
Everything is in memory and forgotten when the server stops.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

NEEDED = (
    "name",
    "description",
    "external_study_url",
    "prolific_id_option",
    "total_available_places",
    "estimated_completion_time",
    "reward",
)
READ_ONLY = {"id", "status", "is_ready_to_publish"}
FEE, TAX = Decimal(1) / 3, Decimal("0.2")
ACTIONS = {
    ("UNPUBLISHED", "PUBLISH"): "ACTIVE",
    ("ACTIVE", "PAUSE"): "PAUSED",
    ("PAUSED", "START"): "ACTIVE",
    ("ACTIVE", "STOP"): "COMPLETED",
    ("PAUSED", "STOP"): "COMPLETED",
    ("AWAITING REVIEW", "STOP"): "COMPLETED",
}
_LIVE = ("ACTIVE", "PAUSED", "AWAITING REVIEW", "COMPLETED")
# Submissions that hold a place.
_HOLD = ("RESERVED", "ACTIVE", "AWAITING REVIEW", "APPROVED")
_SHORTEST_MESSAGE, _MOST_APPROVED, _MOST_BONUSES = 100, 1000, 200


class Refused(Exception):  # noqa: N818 - it is an answer
    """What Prolific answers to a request that it does not carry out."""

    def __init__(self, status: int, detail: Any, title: str = "Bad request") -> None:
        super().__init__(str(detail))
        self.status, self.detail, self.title = status, detail, title


def new_id() -> str:
    """Return an id as Prolific has them: 24 hexadecimal digits."""
    return secrets.token_hex(12)


def moment() -> str:
    """Return the time as answers have it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def cost(reward: int, places: int) -> int:
    """Return what places cost in cents, with fee and tax."""
    rewards = Decimal(reward * places)
    return int((rewards * (1 + FEE * (1 + TAX))).to_integral_value())


@dataclass
class FakeProlific:
    """The state: one workspace whose `balance` is in cents of `currency`; `paid` lists what was paid out."""

    balance: int = 100_000
    currency: str = "USD"
    signs_links: bool = True
    takes_rejections_back: bool = True
    workspace: str = field(default_factory=new_id)
    project: str = field(default_factory=new_id)
    user: str = field(default_factory=new_id)
    studies: dict[str, dict[str, Any]] = field(default_factory=dict)
    submissions: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    bulks: dict[str, dict[str, Any]] = field(default_factory=dict)
    paid: list[tuple[str, str, int]] = field(default_factory=list)

    # Studies

    def study(self, name: str) -> dict[str, Any]:
        """Return a study; 404 for an unknown one."""
        if name not in self.studies:
            raise Refused(404, "Study does not exist.", "Not found")
        return self.studies[name]

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make a draft."""
        missing = {name: ["This field is required."] for name in NEEDED if body.get(name) is None}
        if missing:
            raise Refused(400, missing)
        self._check(body)
        found: dict[str, Any] = {"maximum_allowed_time": 140, **body, "id": new_id(), "status": "UNPUBLISHED"}
        found["is_ready_to_publish"] = True
        found["created"] = moment()
        self.studies[found["id"]] = found
        return found

    def _check(self, body: dict[str, Any]) -> None:
        wrong: dict[str, list[str]] = {}
        for name in ("total_available_places", "estimated_completion_time", "reward"):
            if name in body and not body[name] >= 1:
                wrong[name] = ["Ensure this value is greater than or equal to 1."]
        minutes = body.get("estimated_completion_time", 0)
        least = 2 + 2 * minutes + 2 * math.sqrt(minutes)
        if body.get("maximum_allowed_time", least) < math.floor(least):
            wrong["maximum_allowed_time"] = [f"Ensure this value is greater than or equal to {least:.0f}."]
        codes = [row["code"] for row in body.get("completion_codes", [])]
        if len(set(codes)) < len(codes):
            wrong["completion_codes"] = ["Each code must be unique within a study."]
        if body.get("is_external_study_url_secure") and not self.signs_links:
            wrong["is_external_study_url_secure"] = ["This feature is not available to your workspace."]
        groups = [name for one in body.get("filters") or [] for name in one.get("selected_values", [])]
        if any(name not in self.groups for name in groups):
            wrong["filters"] = ["Participant group does not exist."]
        if wrong:
            raise Refused(400, wrong)

    def update(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change a draft, or add places to a published study."""
        study = self.study(name)
        if study["status"] == "UNPUBLISHED":
            self._check(body)
            study.update({key: value for key, value in body.items() if key not in READ_ONLY})
            return study
        if set(body) - {"internal_name", "total_available_places"}:
            raise Refused(400, "Only places and the internal name of a published study can be changed.")
        places = body.get("total_available_places", study["total_available_places"])
        added = places - study["total_available_places"]
        if added < 0:
            raise Refused(400, {"total_available_places": ["Places can only be increased."]})
        self._reserve(cost(study["reward"], added))
        study |= body
        if added and study["status"] in {"AWAITING REVIEW", "COMPLETED"}:
            study["status"] = "ACTIVE"
        return study

    def delete(self, name: str) -> None:
        """Delete a draft."""
        if self.study(name)["status"] != "UNPUBLISHED":
            raise Refused(400, "Published studies cannot be deleted.")
        del self.studies[name]

    def _reserve(self, amount: int) -> None:
        if amount > self.balance:
            raise Refused(400, "You do not have enough funds in your account.", "Insufficient funds")
        self.balance -= amount

    def transition(self, name: str, action: str) -> dict[str, Any]:
        """Publish, pause, start or stop a study."""
        study = self.study(name)
        to = ACTIONS.get((study["status"], action))
        if to is None:
            raise Refused(400, f"The study is {study['status']}; {action} is not possible.")
        if action == "PUBLISH":
            self._reserve(cost(study["reward"], study["total_available_places"]))
        study["status"] = to
        return study

    # People

    def take(self, name: str, participant: str) -> dict[str, Any]:
        """Let somebody take a place; returns the submission."""
        study = self.study(name)
        if study["status"] != "ACTIVE":
            raise Refused(400, "The study is not open.")
        kept_out = {
            person
            for one in study.get("filters") or []
            for group in one["selected_values"]
            for person in self.groups[group]["participants"]
        }
        if participant in kept_out:
            raise Refused(403, "You are not eligible for this study.")
        mine = [one for one in self.of_study(name) if one["participant"] == participant]
        if mine:
            return mine[-1]
        if self.places_taken(name) >= study["total_available_places"]:
            raise Refused(400, "The study is full.")
        found: dict[str, Any] = {
            "id": new_id(),
            "study_id": name,
            "participant": participant,
            "status": "ACTIVE",
            "started_at": moment(),
            "completed_at": None,
            "entered_code": None,
            "bonus_payments": [],
            "return_requested": None,
        }
        self.submissions[found["id"]] = found
        return found

    def places_taken(self, name: str) -> int:
        """Return how many places of a study are held."""
        return sum(one["status"] in _HOLD for one in self.of_study(name))

    def of_study(self, name: str) -> list[dict[str, Any]]:
        """Return a study's submissions."""
        return [one for one in self.submissions.values() if one["study_id"] == name]

    def submission(self, name: str) -> dict[str, Any]:
        """Return a submission; 404 for an unknown one."""
        if name not in self.submissions:
            raise Refused(404, "Submission does not exist.", "Not found")
        return self.submissions[name]

    def complete(self, name: str, code: str) -> dict[str, Any]:
        """Let a participant come back with a code; one that asks for a return is returned."""
        one = self.submission(name)
        if one["status"] not in {"ACTIVE", "RESERVED"}:
            return one
        study = self.study(one["study_id"])
        row = next((row for row in study.get("completion_codes", []) if row["code"] == code), None)
        actions = {action["action"] for action in row["actions"]} if row else set()
        one |= {"entered_code": code, "completed_at": moment(), "status": "AWAITING REVIEW"}
        if "REQUEST_RETURN" in actions:
            one |= {"status": "RETURNED", "return_requested": moment()}
        elif "AUTOMATICALLY_APPROVE" in actions:
            self.decide(name, "APPROVE", {})
        if self.places_taken(study["id"]) >= study["total_available_places"] and not self._working(study):
            study["status"] = "AWAITING REVIEW" if study["status"] == "ACTIVE" else study["status"]
        return one

    def _working(self, study: dict[str, Any]) -> bool:
        return any(one["status"] in {"RESERVED", "ACTIVE"} for one in self.of_study(study["id"]))

    def leave(self, name: str, status: str = "RETURNED") -> None:
        """Let a participant return their place, or run out of time (TIMED-OUT)."""
        self.submission(name)["status"] = status

    # Review and money

    def decide(self, name: str, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """Approve or reject a submission, or take a rejection back; the same again changes nothing."""
        one = self.submission(name)
        becomes = {"APPROVE": "APPROVED", "REJECT": "REJECTED", "UNREJECT": "AWAITING REVIEW"}.get(action)
        if becomes is None:
            raise Refused(400, f"Action {action} is not possible.")
        if one["status"] == becomes:
            return one
        if action == "UNREJECT" and one["status"] == "REJECTED" and self.takes_rejections_back:
            one["status"] = becomes
            return one
        if action == "UNREJECT" or one["status"] != "AWAITING REVIEW":
            raise Refused(400, f"The submission is {one['status']}.")
        if action == "REJECT":
            if len(body.get("message", "")) < _SHORTEST_MESSAGE:
                raise Refused(400, {"message": ["Ensure this field has at least 100 characters."]})
            if not body.get("rejection_category"):
                raise Refused(400, {"rejection_category": ["This field is required."]})
        else:
            self.paid.append((name, "reward", self.study(one["study_id"])["reward"]))
        one["status"] = becomes
        return one

    def approve_all(self, names: list[str]) -> str:
        """Approve several submissions: all of them, or none."""
        if len(names) > _MOST_APPROVED:
            raise Refused(400, "At most 1000 submissions can be approved at once.")
        wrong = [
            name for name in names if self.submission(name)["status"] not in {"AWAITING REVIEW", "APPROVED"}
        ]
        if wrong:
            raise Refused(400, [f"Submission {name} cannot be approved." for name in wrong])
        for name in names:
            self.decide(name, "APPROVE", {})
        return "The request to bulk approve has been made successfully."

    def set_up_bonuses(self, study: str, csv: str) -> dict[str, Any]:
        """Set bonuses up; nothing is paid yet."""
        rows = [line.split(",") for line in csv.split("\n") if line.strip()]
        if not rows or len(rows) > _MOST_BONUSES:
            raise Refused(400, "Between 1 and 200 bonuses can be set up at once.")
        known = {one["id"] for one in self.of_study(study)}
        wrong = [row[0] for row in rows if len(row) != 2 or row[0] not in known]
        if wrong:
            raise Refused(400, f"These ids have no submission in the study: {', '.join(wrong)}.")
        try:
            amounts = {row[0]: int(Decimal(row[1]) * 100) for row in rows}
        except InvalidOperation:
            raise Refused(400, "An amount is no number.") from None
        total = sum(amounts.values())
        bulk: dict[str, Any] = {
            "id": new_id(),
            "study": study,
            "amount": total,
            "fees": int(total * FEE),
            "vat": int(total * FEE * TAX),
            "total_amount": cost(total, 1),
        }
        self.bulks[bulk["id"]] = {**bulk, "to": amounts}
        return bulk

    def pay(self, name: str) -> str:
        """Pay bonuses that were set up. It is not idempotent: called twice, it pays twice."""
        if name not in self.bulks:
            raise Refused(404, "Bulk bonus payment does not exist.", "Not found")
        bulk = self.bulks[name]
        self._reserve(bulk["total_amount"])
        for submission, amount in bulk["to"].items():
            self.submissions[submission]["bonus_payments"].append(amount)
            self.paid.append((submission, "bonus", amount))
        return "Bonuses are being paid."

    def add_group(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make a group of participants."""
        if not body.get("name"):
            raise Refused(400, {"name": ["This field is required."]})
        people = list(dict.fromkeys(body.get("participant_ids", [])))
        group: dict[str, Any] = {
            "id": new_id(),
            "name": body["name"],
            "workspace_id": body.get("workspace_id"),
            "description": body.get("description"),
            "participants": people,
        }
        self.groups[group["id"]] = group
        return group
