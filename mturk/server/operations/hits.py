"""HITs and HIT types: create, list, extend, expire, review, dispose."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

from ..protocol import lifecycle, questions
from ..protocol.errors import RequestError
from ..storage import earlier_rewards, events, hits, qualifications
from ..storage.transitions import counts, dispose, status
from .notices import notices
from .paging import page
from .parameters import Parameters, Result, at_most, money, refuse, within
from .repeating import once

if TYPE_CHECKING:
    from ..storage.database import Row, Transaction

_log = logging.getLogger("mturk.server")
_YEAR_S = 365 * lifecycle.DAY_S
_APPROVAL_S = 30 * lifecycle.DAY_S


def hit_result(tx: Transaction, hit: Row) -> Result:
    """Return a HIT as the API shows it."""
    counted = counts(hit)
    result = {
        "HITId": hit["hit_id"],
        "HITTypeId": hit["hit_type_id"],
        "HITGroupId": lifecycle.group_id(hit["hit_type_id"]),
        "CreationTime": hit["created"],
        "Title": hit["title"],
        "Description": hit["description"],
        "Question": hit["question"],
        "HITStatus": status(hit, tx.now),
        "MaxAssignments": hit["max_assignments"],
        "Reward": hit["reward"],
        "AutoApprovalDelayInSeconds": hit["auto_approval_s"],
        "Expiration": hit["expires"],
        "AssignmentDurationInSeconds": hit["duration_s"],
        "QualificationRequirements": json.loads(hit["requirements"]),
        "HITReviewStatus": "NotReviewed",
        "NumberOfAssignmentsPending": counted.pending,
        "NumberOfAssignmentsAvailable": counted.available,
        "NumberOfAssignmentsCompleted": counted.completed,
    }
    if hit["keywords"]:
        result["Keywords"] = hit["keywords"]
    if hit["annotation"]:
        result["RequesterAnnotation"] = hit["annotation"]
    return result


def create_hit_type(tx: Transaction, parameters: Parameters) -> Result:
    """Return the id of a HIT type; the same properties have the same id."""
    return {"HITTypeId": _hit_type(tx, parameters)}


def _hit_type(tx: Transaction, parameters: Parameters) -> str:
    requirements = parameters.get("QualificationRequirements", [])
    _check_requirements(tx, requirements)
    delay = parameters.get("AutoApprovalDelayInSeconds")
    delay = within("AutoApprovalDelayInSeconds", _APPROVAL_S if delay is None else delay, 0, _APPROVAL_S)
    duration = within("AssignmentDurationInSeconds", parameters["AssignmentDurationInSeconds"], 30, _YEAR_S)
    values = (
        at_most("Title", _filled("Title", parameters["Title"]), 128),
        at_most("Description", _filled("Description", parameters["Description"]), 2000),
        at_most("Keywords", parameters.get("Keywords", ""), 1000),
        money(parameters["Reward"]),
        duration,
        delay,
        json.dumps(requirements, sort_keys=True),
    )
    digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()
    return hits.add_type(tx, digest, values)


def _filled(name: str, text: str) -> str:
    if not text.strip():
        raise RequestError(f"{name} is empty.")
    return text


def _check_requirements(tx: Transaction, requirements: list[dict[str, Any]]) -> None:
    if len(requirements) > 10:
        raise RequestError(f"{len(requirements)} QualificationRequirements; at most 10 are allowed.")
    for requirement in requirements:
        problem = lifecycle.requirement_problem(requirement)
        if problem:
            raise RequestError(problem, "InvalidQualificationRequirement")
        type_id = requirement["QualificationTypeId"]
        if type_id not in lifecycle.SYSTEM:
            qualifications.find_type(tx, type_id)


def create_hit(tx: Transaction, parameters: Parameters) -> Result:
    """Create a HIT together with its HIT type."""

    def make() -> tuple[str, Result]:
        return _create(tx, _hit_type(tx, parameters), parameters)

    return once(tx, "CreateHIT", parameters, make)


def create_hit_with_hit_type(tx: Transaction, parameters: Parameters) -> Result:
    """Create a HIT of a known HIT type."""

    def make() -> tuple[str, Result]:
        return _create(tx, hits.known_type(tx, parameters["HITTypeId"]), parameters)

    return once(tx, "CreateHITWithHITType", parameters, make)


def _create(tx: Transaction, hit_type_id: str, parameters: Parameters) -> tuple[str, Result]:
    for policy in ("AssignmentReviewPolicy", "HITReviewPolicy"):
        if parameters.get(policy) is not None:
            refuse(policy, "Review with ApproveAssignment.")
    if parameters.get("Question") is None:
        raise RequestError("Question is required.")
    questions.parse(parameters["Question"])
    slots = parameters.get("MaxAssignments")
    slots = within("MaxAssignments", 1 if slots is None else slots, 1, 1_000_000_000)
    lifetime = within("LifetimeInSeconds", parameters["LifetimeInSeconds"], 30, _YEAR_S)
    annotation = at_most("RequesterAnnotation", parameters.get("RequesterAnnotation") or "", 255)
    expires = tx.now + lifetime
    hit_id = hits.add(
        tx, hit_type_id, question=parameters["Question"], annotation=annotation, slots=slots, expires=expires
    )
    tx.wake(expires)
    events.log(tx, "HITCreated", hit=hit_id, slots=slots)
    hit = hits.find(tx, hit_id)
    for notice in notices(tx, hit):
        _log.warning("HIT %s (%s): %s", hit_id, hit["title"], notice)
    return hit_id, {"HIT": hit_result(tx, hit)}


def get_hit(tx: Transaction, parameters: Parameters) -> Result:
    """Return one HIT, disposed ones included."""
    return {"HIT": hit_result(tx, hits.find(tx, parameters["HITId"]))}


def list_hits(tx: Transaction, parameters: Parameters) -> Result:
    """List all HITs that are not disposed, newest first."""
    rows, result = page(tx, parameters, hits.not_disposed())
    return {**result, "HITs": [hit_result(tx, row) for row in rows]}


def list_reviewable_hits(tx: Transaction, parameters: Parameters) -> Result:
    """List the HITs whose status is Reviewable (the default) or Reviewing, newest first."""
    reviewing = parameters.get("Status") == "Reviewing"
    listing = hits.reviewable(tx.now, parameters.get("HITTypeId"), reviewing=reviewing)
    rows, result = page(tx, parameters, listing)
    return {**result, "HITs": [hit_result(tx, row) for row in rows]}


def update_hit_review_status(tx: Transaction, parameters: Parameters) -> Result:
    """Mark a Reviewable HIT as Reviewing, or with Revert the other way round."""
    hit = hits.find(tx, parameters["HITId"])
    revert = bool(parameters.get("Revert"))
    _need(tx, hit, "Reviewing" if revert else "Reviewable")
    hits.set_reviewing(tx, hit["hit_id"], reviewing=not revert)
    events.log(tx, "HITReviewable" if revert else "HITReviewing", hit=hit["hit_id"])
    return {}


def update_expiration_for_hit(tx: Transaction, parameters: Parameters) -> Result:
    """Move a HIT's expiry; a moment in the past expires it at once. Running work goes on."""
    hit = hits.find(tx, parameters["HITId"])
    _need_not_disposed(tx, hit)
    moment = min(float(parameters["ExpireAt"]), tx.now + _YEAR_S)
    expired = moment <= tx.now
    if expired:
        # Never further back than now: disposal counts its 120 days from here.
        moment = min(hit["expires"], tx.now)
    hits.set_expiry(tx, hit["hit_id"], moment)
    tx.wake(moment)
    if not expired:
        events.log(tx, "HITExtended", hit=hit["hit_id"], expires=moment)
    return {}


def create_additional_assignments(tx: Transaction, parameters: Parameters) -> Result:
    """Add slots to a HIT."""
    hit = hits.find(tx, parameters["HITId"])

    def make() -> tuple[str, Result]:
        more = within(
            "NumberOfAdditionalAssignments", parameters["NumberOfAdditionalAssignments"], 1, 1_000_000_000
        )
        _need_not_disposed(tx, hit)
        if tx.now - hit["created"] > lifecycle.EXTENDABLE_WITHIN_S:
            raise RequestError("This HIT is too old to be extended.", "HITTooOldForExtension")
        total = hit["max_assignments"] + more
        if hit["first_max"] < 10 <= total:
            raise RequestError(
                f"This HIT was created with {hit['first_max']} assignments, fewer than 10, and cannot be "
                f"extended to {total}. Create another HIT for the others.",
                "InvalidMaximumAssignmentsIncrease",
            )
        within("MaxAssignments", total, 1, 1_000_000_000)
        hits.set_slots(tx, hit["hit_id"], total, hit["max_assignments"])
        return f"E{events.log(tx, 'HITExtended', hit=hit['hit_id'], slots=total)}", {}

    return once(tx, "CreateAdditionalAssignmentsForHIT", parameters, make)


def update_hit_type_of_hit(tx: Transaction, parameters: Parameters) -> Result:
    """Give a HIT the properties of another HIT type."""
    hit = hits.find(tx, parameters["HITId"])
    _need_not_disposed(tx, hit)
    hit_type_id = hits.known_type(tx, parameters["HITTypeId"])
    earlier_rewards.note_change(tx, hit, hit_type_id)
    hits.set_type(tx, hit["hit_id"], hit_type_id)
    events.log(tx, "HITTypeChanged", hit=hit["hit_id"], type=hit_type_id)
    return {}


def delete_hit(tx: Transaction, parameters: Parameters) -> Result:
    """Dispose of a HIT that is Reviewable and wholly decided."""
    hit = hits.find(tx, parameters["HITId"])
    _need(tx, hit, "Reviewable")
    if hit["submitted"]:
        raise RequestError(
            f"{hit['submitted']} submitted assignment(s) of this HIT must be approved or rejected first.",
            "InvalidHITState",
        )
    dispose(tx, hit["hit_id"])
    return {}


def _need(tx: Transaction, hit: Row, wanted: str) -> None:
    found = status(hit, tx.now)
    if found != wanted:
        raise RequestError(
            f"This operation can be called with a HIT status of: {wanted} (found: {found}).",
            "InvalidHITState",
        )


def _need_not_disposed(tx: Transaction, hit: Row) -> None:
    if status(hit, tx.now) == "Disposed":
        raise RequestError("This HIT has been disposed of.", "InvalidHITState")
