"""From a study to a published one at Prolific: money first, every call once, resumable at any point."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError

from ..panels.panel import ways_out
from ..panels.prolific import JWKS_PATH, PANEL, back_address
from . import draft
from .books import asked_of, begin, current_study, once, study_id
from .client import ProlificError, Repeat

if TYPE_CHECKING:
    from glimpse.study import Study

    from ..publishing.ledger import Ledger
    from .client import ProlificClient
    from .draft import Recruitment
    from .own_side import OwnSide

NOT_FOUND = 404
DRAFT = "UNPUBLISHED"
LIVE = ("ACTIVE", "PUBLISHING", "PAUSED", "AWAITING REVIEW", "COMPLETED")
BECOMES = {"PAUSE": ("PAUSED",), "START": ("ACTIVE",), "STOP": ("COMPLETED",)}


@dataclass(frozen=True)
class Account:
    """Whose token it is, where studies go, and what is left to spend, in the currency's hundredths."""

    email: str
    workspace: str
    title: str
    currency: str
    available_cents: int


@dataclass(frozen=True)
class PanelQuote:
    """What so many places cost with fees and tax, in the account's currency; `places` are those that are new.

    `total_places` is how many there will be.
    """

    places: int
    total_places: int
    reward: Decimal
    total: Decimal
    account: Account

    @property
    def is_affordable(self) -> bool:
        """Whether the balance is enough."""
        return self.total * 100 <= self.account.available_cents


def account(client: ProlificClient, workspace: str | None = None) -> Account:
    """Return whose token it is; `workspace` is an id or a title, needed where there are several.

    GlimpseError where there is none of that name, or none is named.
    """
    user = client.get("say whose token this is", "api/v1/users/me/")
    rows = list(client.pages("list workspaces", "api/v1/workspaces/"))
    fitting = [row for row in rows if workspace is None or workspace in {row["id"], row["title"]}]
    if len(fitting) != 1:
        names = ", ".join(f"{row['title']} ({row['id']})" for row in rows) or "none"
        raise GlimpseError(
            f"--workspace {workspace or 'is needed'}: the account's workspaces are {names}; name one of them"
        )
    held = client.get("say the balance", f"api/v1/workspaces/{fitting[0]['id']}/balance/")
    return Account(
        email=str(user.get("email", "")),
        workspace=fitting[0]["id"],
        title=fitting[0]["title"],
        currency=str(held["currency_code"]),
        available_cents=int(held["available_balance"]),
    )


def quote(client: ProlificClient, owner: Account, reward: Decimal, new: int, total_places: int) -> PanelQuote:
    """Ask what so many new places cost, with fees and tax."""
    cost = Decimal(0)
    if new:
        body = {"reward": draft.cents(reward), "total_available_places": new}
        found = client.send("say the price", "POST", "api/v1/study-cost-calculator/", body)
        cost = (Decimal(str(found["total_cost"])) / 100).quantize(Decimal("0.01"))
    return PanelQuote(new, total_places, reward, cost, owner)


class Recruiter:
    """One study, its ledger for Prolific, and the calls between them; use it while holding the ledger."""

    def __init__(self, study: Study, client: ProlificClient, ledger: Ledger) -> None:
        self.study, self.client, self.ledger = study, client, ledger

    # The draft

    def token(self) -> str:
        """Return the study's own token, made once."""
        begin(self.ledger, self.study, self.client.url)
        if "codes" not in self.ledger.outcomes:
            token = f"glimpse-{secrets.token_hex(8)}"
            self.ledger.record("outcome", key="codes", token=token, codes=draft.codes())
        return str(self.ledger.outcomes["codes"]["token"])

    def codes(self) -> dict[str, str]:
        """Return the completion code of each outcome."""
        self.token()
        return dict(self.ledger.outcomes["codes"]["codes"])

    def draft(self, wanted: Recruitment, owner: Account, people: list[str]) -> dict[str, Any]:
        """Return the study as Prolific has it, made if it was not; `people` are kept out, by Prolific's ids.

        GlimpseError where it was changed there so that it would not work.
        """
        token = self.token()
        self._drop_deleted()
        key, line = current_study(self.ledger)
        if not line:
            blocked = (self._group(owner, people),) if people else ()
            body = draft.draft(self.study, replace(wanted, token=token, blocked=blocked), self.codes())
            line = once(
                self.ledger, key, "POST studies", {"places": wanted.places, "body": body},
                lambda: self._made(body), lambda: self._found(token),
            )  # fmt: skip
        found = self._repriced(wanted.reward)
        changed = draft.differences(asked_of(self.ledger), found)
        if changed:
            raise GlimpseError(
                f"the study {found['id']} was changed at Prolific: {'; '.join(changed)}. Set it back there"
                + (", or delete the draft there, and run the same command again" * (found["status"] == DRAFT))
            )
        return found

    def _repriced(self, reward: Decimal) -> dict[str, Any]:
        """Return the study as Prolific has it; a draft gets another reward first, if one is wanted."""
        found, cents = self.found(), draft.cents(reward)
        if cents == asked_of(self.ledger)["reward"] or found["status"] != DRAFT:
            return found
        name = study_id(self.ledger)

        def call() -> dict[str, Any]:
            self.client.send("change the reward", "PATCH", f"api/v1/studies/{name}/", {"reward": cents})
            return {}

        number = len(self.ledger.find(f"pays:{name}:")) + 1
        facts = {"study_id": name, "reward": cents}
        once(self.ledger, f"pays:{name}:{number}", "PATCH studies", facts, call)
        return self.found()

    def found(self) -> dict[str, Any]:
        """Return the study as Prolific has it now."""
        name = study_id(self.ledger)
        found: dict[str, Any] = self.client.get("show the study", f"api/v1/studies/{name}/")
        return found

    def _drop_deleted(self) -> None:
        """Note that a draft was deleted at Prolific, so that another takes its place."""
        key, line = current_study(self.ledger)
        if not line:
            return
        try:
            self.found()
        except ProlificError as error:
            if error.status != NOT_FOUND:
                raise
            if f"publish:{line['study_id']}" in self.ledger.outcomes:
                raise GlimpseError(
                    f"{self.ledger.path}: the study {line['study_id']} was published at Prolific, and is not "
                    "there any more. Is the token that of the same account?"
                ) from None
            self.ledger.record("outcome", key=f"gone:{key.partition(':')[2]}", study_id=line["study_id"])

    def _made(self, body: dict[str, Any]) -> dict[str, Any]:
        made = self.client.send("make the draft", "POST", "api/v1/studies/", body, repeat=Repeat.REFUSED)
        return {"study_id": str(made["id"])}

    def _found(self, token: str) -> dict[str, Any] | None:
        """Return the draft that has our token in its name, where an earlier request made it."""
        gone = {line["study_id"] for line in self.ledger.find("gone:")}
        for row in self.client.pages("list studies", "api/v1/studies/"):
            if token in str(row.get("internal_name")) and row["id"] not in gone:
                return {"study_id": str(row["id"])}
        return None

    def _group(self, owner: Account, people: list[str]) -> str:
        """Return the group of those who are kept out, made once for the same people."""
        digest = hashlib.sha256("\0".join(sorted(people)).encode()).hexdigest()[:16]
        name = f"{self.token()} {digest}"

        def made() -> dict[str, Any]:
            body = {
                "workspace_id": owner.workspace,
                "name": name,
                "description": f"Took part before; kept out of {self.study.study}",
                "participant_ids": sorted(people),
            }
            path = "api/v1/participant-groups/"
            answer = self.client.send("make a group", "POST", path, body, repeat=Repeat.REFUSED)
            return {"group_id": str(answer["id"])}

        def look() -> dict[str, Any] | None:
            rows = self.client.pages(
                "list groups", "api/v1/participant-groups/", workspace_id=owner.workspace
            )
            return next(({"group_id": str(row["id"])} for row in rows if row.get("name") == name), None)

        line = once(self.ledger, f"group:{digest}", "POST participant-groups", {"people": len(people)},
                    made, look)  # fmt: skip
        return str(line["group_id"])

    # Publishing

    def tell_server(self, own: OwnSide) -> None:
        """Let our server know how people go back, and where it can ask who came."""
        ways = ways_out(PANEL, self.codes(), back_address(self.client.url))
        found = {"study_id": study_id(self.ledger), "keys_url": f"{self.client.url}{JWKS_PATH}"}
        own.set_panel(PANEL.name, {"ways": ways, **found})

    def publish(self) -> dict[str, Any]:
        """Publish the draft, unless it is published."""
        name = study_id(self.ledger)
        path = f"api/v1/studies/{name}/transition/"

        def call() -> dict[str, Any]:
            if self.found()["status"] == DRAFT:
                body = {"action": "PUBLISH"}
                self.client.send("publish the study", "POST", path, body, repeat=Repeat.REFUSED)
            return {}

        once(self.ledger, f"publish:{name}", "PUBLISH", {"study_id": name}, call, self._is_live)
        return self.found()

    def _is_live(self) -> dict[str, Any] | None:
        return {} if self.found()["status"] in LIVE else None

    @property
    def is_published(self) -> bool:
        """Whether the ledger says that the study was published."""
        line = current_study(self.ledger)[1]
        return bool(line) and f"publish:{line['study_id']}" in self.ledger.outcomes

    def grow(self, places: int, why: str) -> dict[str, Any]:
        """Give the study so many places in all; they only grow. Asking for the same again changes nothing."""
        found = self.found()
        name, held = str(found["id"]), int(found["total_available_places"])
        if places < held and found["status"] != DRAFT:
            raise GlimpseError(
                f"--places {places}: the study has {held} at Prolific, where places only grow. To recruit "
                "nobody more: publish --to prolific --pause, or --stop"
            )
        if places != held:
            body = {"total_available_places": places}
            path = f"api/v1/studies/{name}/"

            def call() -> dict[str, Any]:
                self.client.send("add places", "PATCH", path, body)
                return {}

            def look() -> dict[str, Any] | None:
                return {} if int(self.found()["total_available_places"]) == places else None

            facts = {"study_id": name, "places": places, "before": held, "why": why}
            once(self.ledger, f"places:{name}:{places}", "PATCH studies", facts, call, look)
        return self.found()

    def transition(self, action: str) -> dict[str, Any]:
        """Pause, start or stop the study; one that is in that state already is left."""
        name = study_id(self.ledger)
        if self.found()["status"] in BECOMES[action]:
            return self.found()
        count = sum(key.startswith("action:") for key in self.ledger.outcomes)

        def call() -> dict[str, Any]:
            path = f"api/v1/studies/{name}/transition/"
            verb = f"{action.lower()} the study"
            self.client.send(verb, "POST", path, {"action": action}, repeat=Repeat.REFUSED)
            return {}

        def look() -> dict[str, Any] | None:
            return {} if self.found()["status"] in BECOMES[action] else None

        once(self.ledger, f"action:{count + 1}", action, {"study_id": name, "action": action}, call, look)
        return self.found()


def agreed(ledger: Ledger) -> Recruitment | None:
    """Return what a study was given to Prolific with; None before there is a draft."""
    line = current_study(ledger)[1]
    if not line:
        return None
    body = asked_of(ledger)
    return draft.Recruitment(
        places=int(line["places"]),
        reward=Decimal(body["reward"]) / 100,
        minutes=int(body["estimated_completion_time"]),
        allowed_minutes=int(body["maximum_allowed_time"]),
        link=str(body["external_study_url"]),
        token=str(json.loads(body["metadata"])["glimpse"]),
        signed_links=bool(body["is_external_study_url_secure"]),
        project=body.get("project"),
    )
