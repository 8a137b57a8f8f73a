"""What a requester should know of a HIT that was created: who cannot do it here, and what its page lacks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..protocol import lifecycle, questions
from ..storage import hits, meta, workers

if TYPE_CHECKING:
    from ..storage.database import Row, Transaction

CROWD_SCRIPT = "https://assets.crowd.aws/crowd-html-elements.js"


def notices(tx: Transaction, hit: Row) -> list[str]:
    """Return a sentence for each requirement of a HIT that no worker meets, and for what its page lacks."""
    found = [
        text
        for requirement in json.loads(hit["requirements"])
        if (text := _unmeetable(tx, requirement)) is not None
    ]
    return found + _of_page(questions.kept_needs(hit["page_needs"]).crowd_script)


def study_notices(tx: Transaction, study: str | None) -> list[str]:
    """Return what a requester should know of a study's HITs; None stands for the HITs of no study."""
    found = dict.fromkeys(text for hit in hits.one_of_each_type(tx, study) for text in notices(tx, hit))
    blocked = [
        f"A worker's browser did not let the task's page go to {origin}: answers sent there are lost. The "
        "page must send them to the address in turkSubmitTo."
        for origin in meta.blocked(tx, study)
    ]
    return [*found, *blocked]


def _unmeetable(tx: Transaction, requirement: dict[str, Any]) -> str | None:
    type_id, comparator = requirement["QualificationTypeId"], requirement["Comparator"]
    if comparator == "DoesNotExist" or type_id not in lifecycle.SYSTEM:
        return None
    name = lifecycle.SYSTEM[type_id]
    if type_id == lifecycle.LOCALE:
        place = meta.worker_locale(tx)
        if place is None or lifecycle.meets(requirement, place, granted=True):
            return None  # without a place of the server's, each worker is asked
        here = f"Workers here are in {'-'.join(place.values())}"
        return f"Nobody can do it: it requires a {name}. {here}; serve --worker-locale sets it."
    if type_id in {*lifecycle.MASTERS, lifecycle.ADULT}:
        return f"Nobody can do it: it requires {name}, which nobody has on this server."
    if type_id == lifecycle.APPROVED_COUNT and not lifecycle.meets(
        requirement, workers.most_approved(tx), granted=True
    ):
        values = ", ".join(map(str, requirement.get("IntegerValues", [])))
        return f"Nobody can do it yet: it requires {name} {comparator} {values}, counted on this server."
    return None


def _of_page(crowd_script: bool | None) -> list[str]:
    if crowd_script is None:
        return []
    if crowd_script:
        return [f"Its page needs Amazon's script {CROWD_SCRIPT}: workers' browsers must be able to load it."]
    return [f"Its page has crowd elements but does not load Amazon's script for them, {CROWD_SCRIPT}."]
