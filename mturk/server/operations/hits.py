"""HITs and HIT types: create, list, extend, expire, review, dispose."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..protocol import lifecycle, questions
from ..protocol.errors import RequestError, missing
from ..storage.store import Row, Transaction, new_id
from ..storage.transitions import HIT_SQL, counts, dispose, find_hit, status
from .operations import Parameters, Result, at_most, once, operation, page, refuse, within

_YEAR_S = 365 * lifecycle.DAY_S
_APPROVAL_S = 30 * lifecycle.DAY_S


def hit_result(tx: Transaction, hit: Row) -> Result:
    """Return a HIT as the API shows it."""
    counted = counts(hit)
    result = {
        "HITId": hit["hit_id"],
        "HITTypeId": hit["hit_type_id"],
        "HITGroupId": _group_id(hit["hit_type_id"]),
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


def _group_id(hit_type_id: str) -> str:
    """Return the id under which workers see the HITs of a type together."""
    return "3" + hashlib.sha256(hit_type_id.encode()).hexdigest().upper()[:29]


@operation("CreateHITType", writes=True)
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
    known = tx.one("SELECT hit_type_id FROM hit_types WHERE digest = ?", digest)
    if known:
        return str(known["hit_type_id"])
    hit_type_id = new_id()
    tx.run(
        "INSERT INTO hit_types VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
        hit_type_id,
        digest,
        *values,
        tx.now,
    )
    return hit_type_id


def money(amount: str) -> str:
    """Return an amount in US dollars with two decimals; the model has checked its form."""
    whole, _, cents = amount.partition(".")
    if len(whole) > 6:
        raise RequestError(f"The amount {amount[:20]} is too large.")
    return f"{int(whole)}.{cents:0<2}"


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
        if type_id not in lifecycle.SYSTEM and not tx.one(
            "SELECT 1 FROM qualification_types WHERE qualification_type_id = ? AND deleted IS NULL", type_id
        ):
            raise missing("QualificationType", type_id)


@operation("CreateHIT", writes=True)
def create_hit(tx: Transaction, parameters: Parameters) -> Result:
    """Create a HIT together with its HIT type."""

    def make() -> tuple[str, Result]:
        return _create(tx, _hit_type(tx, parameters), parameters)

    return once(tx, "CreateHIT", parameters.get("UniqueRequestToken"), make)


@operation("CreateHITWithHITType", writes=True)
def create_hit_with_hit_type(tx: Transaction, parameters: Parameters) -> Result:
    """Create a HIT of a known HIT type."""

    def make() -> tuple[str, Result]:
        return _create(tx, _known_type(tx, parameters["HITTypeId"]), parameters)

    return once(tx, "CreateHITWithHITType", parameters.get("UniqueRequestToken"), make)


def _known_type(tx: Transaction, hit_type_id: str) -> str:
    if not tx.one("SELECT 1 FROM hit_types WHERE hit_type_id = ?", hit_type_id):
        raise missing("HITType", hit_type_id)
    return hit_type_id


def _create(tx: Transaction, hit_type_id: str, parameters: Parameters) -> tuple[str, Result]:
    for policy in ("AssignmentReviewPolicy", "HITReviewPolicy"):
        if parameters.get(policy) is not None:
            refuse(policy, "Review with ApproveAssignment.")
    if parameters.get("HITLayoutId") is not None or parameters.get("HITLayoutParameters") is not None:
        refuse("HITLayoutId", "Give the page itself as an HTMLQuestion in Question.")
    if parameters.get("Question") is None:
        raise RequestError("Question is required.")
    questions.parse(parameters["Question"])
    slots = parameters.get("MaxAssignments")
    slots = within("MaxAssignments", 1 if slots is None else slots, 1, 1_000_000_000)
    lifetime = within("LifetimeInSeconds", parameters["LifetimeInSeconds"], 30, _YEAR_S)
    annotation = at_most("RequesterAnnotation", parameters.get("RequesterAnnotation") or "", 255)
    study, batch, name = lifecycle.annotation_parts(annotation)
    hit_id = new_id()
    tx.run(
        "INSERT INTO hits (hit_id, hit_type_id, question, annotation, study, batch, name, max_assignments, "
        "first_max, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        hit_id, hit_type_id, parameters["Question"], annotation, study, batch, name, slots, slots,
        tx.now, tx.now + lifetime,
    )  # fmt: skip
    tx.wake(tx.now + lifetime)
    tx.log("HITCreated", hit=hit_id, slots=slots)
    return hit_id, {"HIT": hit_result(tx, find_hit(tx, hit_id))}


@operation("GetHIT")
def get_hit(tx: Transaction, parameters: Parameters) -> Result:
    """Return one HIT, disposed ones included."""
    return {"HIT": hit_result(tx, find_hit(tx, parameters["HITId"]))}


@operation("ListHITs")
def list_hits(tx: Transaction, parameters: Parameters) -> Result:
    """List all HITs that are not disposed, newest first."""
    rows, result = page(
        tx, parameters, HIT_SQL + "WHERE disposed IS NULL", (), order="hits.seq", descending=True
    )
    return {**result, "HITs": [hit_result(tx, row) for row in rows]}


@operation("ListReviewableHITs")
def list_reviewable_hits(tx: Transaction, parameters: Parameters) -> Result:
    """List the HITs whose status is Reviewable (the default) or Reviewing, newest first."""
    sql = (
        HIT_SQL + "WHERE disposed IS NULL AND pending = 0 AND reviewing = ? "
        "AND (expires <= ? OR submitted + approved + rejected >= max_assignments)"
    )
    values: tuple[Any, ...] = (int(parameters.get("Status") == "Reviewing"), tx.now)
    if parameters.get("HITTypeId") is not None:
        sql, values = sql + " AND hit_type_id = ?", (*values, parameters["HITTypeId"])
    rows, result = page(tx, parameters, sql, values, order="hits.seq", descending=True)
    return {**result, "HITs": [hit_result(tx, row) for row in rows]}


@operation("UpdateHITReviewStatus", writes=True)
def update_hit_review_status(tx: Transaction, parameters: Parameters) -> Result:
    """Mark a Reviewable HIT as Reviewing, or with Revert the other way round."""
    hit = find_hit(tx, parameters["HITId"])
    revert = bool(parameters.get("Revert"))
    _need(tx, hit, "Reviewing" if revert else "Reviewable")
    tx.run("UPDATE hits SET reviewing = ? WHERE hit_id = ?", int(not revert), hit["hit_id"])
    return {}


@operation("UpdateExpirationForHIT", writes=True)
def update_expiration_for_hit(tx: Transaction, parameters: Parameters) -> Result:
    """Move a HIT's expiry; a moment in the past expires it at once. Running work goes on."""
    hit = find_hit(tx, parameters["HITId"])
    _need_not_disposed(tx, hit)
    moment = min(float(parameters["ExpireAt"]), tx.now + _YEAR_S)
    expired = moment <= tx.now
    if expired:
        # Never further back than now: disposal counts its 120 days from here.
        moment = min(hit["expires"], tx.now)
    tx.run(
        "UPDATE hits SET expires = ?, expiry_logged = 0, reviewing = CASE WHEN ? THEN reviewing ELSE 0 END "
        "WHERE hit_id = ?",
        moment, expired, hit["hit_id"],
    )  # fmt: skip
    tx.wake(moment)
    if not expired:
        tx.log("HITExtended", hit=hit["hit_id"], expires=moment)
    return {}


@operation("CreateAdditionalAssignmentsForHIT", writes=True)
def create_additional_assignments(tx: Transaction, parameters: Parameters) -> Result:
    """Add slots to a HIT."""
    hit = find_hit(tx, parameters["HITId"])

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
        tx.run("UPDATE hits SET max_assignments = ?, reviewing = 0 WHERE hit_id = ?", total, hit["hit_id"])
        return f"E{tx.log('HITExtended', hit=hit['hit_id'], slots=total)}", {}

    return once(tx, "CreateAdditionalAssignmentsForHIT", parameters.get("UniqueRequestToken"), make)


@operation("UpdateHITTypeOfHIT", writes=True)
def update_hit_type_of_hit(tx: Transaction, parameters: Parameters) -> Result:
    """Give a HIT the properties of another HIT type."""
    hit = find_hit(tx, parameters["HITId"])
    _need_not_disposed(tx, hit)
    hit_type_id = _known_type(tx, parameters["HITTypeId"])
    tx.run("UPDATE hits SET hit_type_id = ? WHERE hit_id = ?", hit_type_id, hit["hit_id"])
    tx.log("HITTypeChanged", hit=hit["hit_id"], type=hit_type_id)
    return {}


@operation("DeleteHIT", writes=True)
def delete_hit(tx: Transaction, parameters: Parameters) -> Result:
    """Dispose of a HIT that is Reviewable and wholly decided."""
    hit = find_hit(tx, parameters["HITId"])
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
