"""From a frozen study to HITs that people can take: price first, every call once, resumable at any point.

Crash, rerun, crash again: the ledger knows what was asked for, the request token keeps the endpoint from
doing it twice for a day, and the HITs' annotations find what neither remembers.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from glimpse.drawn import is_adaptive
from glimpse.errors import GlimpseError
from glimpse.progress import untracked

from ..design.limits import OWN_QUESTION_BYTES, QUESTION_BYTES, check_listing
from ..page.pages import image_base, question_xml
from ..page.stairs import is_climbed
from .allocating import check_place, put_pool, put_rules
from .client import HIT_EXISTS, TurkError
from .ledger import Ledger, OnceCall, alone, call_once, ledger_path, token
from .publication import (
    DAY_S,
    Part,
    PublicationSettings,
    PublishedHit,
    Quote,
    cost,
    parts,
    published_hits,
    reward_now,
)
from .qualifications import once_requirement, once_type
from .several import each

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from glimpse.progress import Track
    from glimpse.study import Study

    from .client import Requester
    from .hosting import Hosting

    Confirm = Callable[[Quote], None]


class Publisher:
    """One study, one endpoint, one ledger, and the calls between them."""

    def __init__(self, study: Study, requester: Requester, ledger: Ledger) -> None:
        self.study, self.requester, self.ledger = study, requester, ledger

    def publish(
        self,
        settings: PublicationSettings,
        given: Collection[str],
        hosting: Hosting | None,
        confirm: Confirm,
        track: Track,
    ) -> list[PublishedHit]:
        """Publish what is not published yet and return all HITs; arguments as in `publish`."""
        check_place(self.study, self.requester.endpoint)
        settings = self._settled(settings, given)
        wanted = parts(self.study, in_nines=settings.in_nines)
        found = self._found(wanted)
        missing = [part for part in wanted if part.key not in found and part.key not in self.ledger.outcomes]
        quote = self._quote(wanted, missing)
        if missing:
            self._check_takeable(missing, self._base_to_be(hosting))
        confirm(quote)
        if missing:
            self._check_balance(quote)
        self._open(settings, found)
        self._host_again(hosting, track)
        if missing:
            base_url = self._hosted(hosting, track)
            if is_adaptive(self.study):
                put_pool(self.study, self.requester.endpoint)
            if is_climbed(self.study):
                put_rules(self.study, self.requester.endpoint)
            batches = dict.fromkeys(part.batch for part in missing)
            types = {batch: self.hit_type(batch, settings) for batch in batches}
            each(
                lambda part: self.create(part, types[part.batch], base_url, settings),
                missing,
                "Creating HITs",
                track,
                threads=self.requester.endpoint.at_once,
            )
        return published_hits(self.ledger)

    def _settled(self, settings: PublicationSettings, given: Collection[str]) -> PublicationSettings:
        """Return the settings of the first run; later runs may not give others."""
        endpoint = self.requester.endpoint
        self.ledger.check(self.study, endpoint)
        if "settings" not in self.ledger.outcomes:
            return settings
        first = self.settings()
        changed = [name for name in sorted(given) if getattr(settings, name) != getattr(first, name)]
        if changed:
            listed = ", ".join(f"{name} = {getattr(first, name)}" for name in changed)
            raise GlimpseError(
                f"{self.ledger.path}: publishing began with other settings ({listed}). "
                "All HITs of a study have the same settings: leave these options out to continue"
            )
        return first

    def _open(self, settings: PublicationSettings, found: dict[str, dict[str, Any]]) -> None:
        """Write down what was agreed and what exists already."""
        self.ledger.open(self.study, self.requester.endpoint)
        if "settings" not in self.ledger.outcomes:
            self.ledger.record("outcome", key="settings", settings=asdict(settings))
        for key, facts in found.items():
            self.ledger.record("outcome", key=key, **facts, found=True)

    def settings(self) -> PublicationSettings:
        """Return the settings with which the study was published."""
        line = self.ledger.outcomes.get("settings", {"settings": {}})["settings"]
        return PublicationSettings(**{**line, "requirements": tuple(line.get("requirements", ()))})

    def _quote(self, wanted: list[Part], missing: list[Part]) -> Quote:
        experiment, fees = self.study.experiment, self.requester.endpoint.name != "local"
        usd = reward_now(self.study, self.ledger)
        reward, charged = cost(usd, [part.places for part in missing], fees=fees)
        whole = cost(usd, [experiment.workers_per_hit] * len(self.study.hits), fees=fees)[1]
        nines = any(part.number > 1 for part in wanted)
        return Quote(
            endpoint=self.requester.endpoint.name,
            hits=len(missing),
            published=len(wanted) - len(missing),
            places=sum(part.places for part in missing),
            reward_usd=reward,
            fees_usd=charged,
            total_usd=reward + charged,
            saved_usd=whole - charged if nines and len(missing) == len(wanted) else Decimal(0),
            nines=nines,
        )

    def _check_balance(self, quote: Quote) -> None:
        if self.requester.endpoint.name == "local":
            return
        available = Decimal(self.requester.call("GetAccountBalance")["AvailableBalance"])
        if available < quote.total_usd:
            raise GlimpseError(
                f"the account holds ${available}, and this needs ${quote.total_usd} "
                f"(${quote.reward_usd} rewards, ${quote.fees_usd} fees); nothing was published"
            )

    def _check_takeable(self, missing: list[Part], base_url: str) -> None:
        """Refuse to begin with what the endpoint would refuse in the middle."""
        study = self.study
        check_listing(study.title, study.description, study.keywords, study.experiment)
        for hit in dict.fromkeys(part.hit for part in missing):
            self._question(hit, base_url)

    def _question(self, hit: str, base_url: str) -> str:
        """Return a HIT's question, no larger than the endpoint takes."""
        own = self.requester.endpoint.name == "local"
        return question_xml(self.study, hit, base_url, OWN_QUESTION_BYTES if own else QUESTION_BYTES)

    def _base_to_be(self, hosting: Hosting | None) -> str:
        """Return where the images will be; GlimpseError without a place, or with another than the first."""
        known = self.base_url()
        if hosting is None and known is None:
            raise GlimpseError(
                f"--to {self.requester.endpoint.name} needs a place for the images: "
                "--s3-bucket NAME uploads them, --image-url-prefix URL says where you have put them"
            )
        wanted = hosting.base_url(self.study.study) if hosting else known
        if known is not None and wanted != known:
            raise GlimpseError(
                f"the images of this study are hosted at {known}; {wanted} cannot be used beside it. "
                "Leave the option out to go on"
            )
        return wanted or ""

    def _hosted(self, hosting: Hosting | None, track: Track) -> str:
        """Return the base URL of the images, hosting them if that was not finished before."""
        from .hosting import images_of

        known = self.base_url()
        if known is not None or hosting is None:
            return known or ""
        base_url = hosting.base_url(self.study.study)
        hosting.host(self.study.study, images_of(self.study), track)
        self.ledger.record("outcome", key="images", base_url=base_url)
        return base_url

    def _host_again(self, hosting: Hosting | None, track: Track) -> None:
        """Put images back that our own server has lost, as after a restore of its database alone."""
        from .hosting import LocalHosting, images_of

        if not isinstance(hosting, LocalHosting) or self.base_url() is None:
            return
        names = [stimulus.file for stimulus in self.study.stimuli.values()]
        lost = set(hosting.missing(self.study.study, names, track))
        if lost:
            again = [image for image in images_of(self.study) if image.name in lost]
            hosting.host(self.study.study, again, track)

    def base_url(self) -> str | None:
        """Return where the images of a published study are."""
        line = self.ledger.outcomes.get("images")
        return str(line["base_url"]) if line else None

    def hit_type(self, batch: str, settings: PublicationSettings, reward_usd: Decimal | None = None) -> str:
        """Return the id of a batch's HIT type, with the qualification that keeps people to one HIT.

        `reward_usd` is what its HITs pay; None: what those pay that are published.
        """
        once = once_type(self.requester, self.ledger, self.study.study, batch)
        experiment = self.study.experiment
        reward = reward_now(self.study, self.ledger) if reward_usd is None else reward_usd
        other = "" if reward == experiment.reward_usd else f":{reward:.2f}"
        arguments = {
            "Title": self.study.title,
            "Description": self.study.description,
            "Keywords": ", ".join(self.study.keywords),
            "Reward": f"{reward:.2f}",
            "AssignmentDurationInSeconds": experiment.time_allotted_minutes * 60,
            "AutoApprovalDelayInSeconds": round(settings.auto_approve_days * DAY_S),
            "QualificationRequirements": [once_requirement(once), *settings.requirements],
        }
        # The same properties always name the same HIT type, so that a repeated call changes nothing.
        line = call_once(
            self.ledger,
            self.requester,
            OnceCall(f"type:{batch}{other}", "CreateHITType", arguments, {"batch": batch}),
            lambda answer: {"hit_type_id": answer["HITTypeId"]},
        )
        return str(line["hit_type_id"])

    def create(
        self, part: Part, hit_type_id: str, base_url: str, settings: PublicationSettings
    ) -> PublishedHit:
        """Create one HIT, or find that it was created before."""
        question = self._question(part.hit, base_url)
        annotation = part.annotation(self.study.study)
        arguments = {
            "HITTypeId": hit_type_id,
            "MaxAssignments": part.places,
            "LifetimeInSeconds": round(settings.expires_days * DAY_S),
            "Question": question,
            "RequesterAnnotation": annotation,
        }

        def recover(error: TurkError) -> dict[str, Any] | None:
            if error.code != HIT_EXISTS:
                return None
            found = self._named_in(error.detail, annotation) or self._existing({annotation}).get(annotation)
            return {"HIT": self._alike(found, part)} if found else None

        usd = reward_now(self.study, self.ledger)
        reward, fees = cost(usd, [part.places], fees=self.requester.endpoint.name != "local")
        facts: dict[str, Any] = {
            "hit": part.hit,
            "batch": part.batch,
            "part": part.number,
            "places": part.places,
        }
        facts["usd"] = str(reward + fees)
        once = OnceCall(part.key, "CreateHITWithHITType", arguments, facts, token(self.study.study, part.key))
        line = call_once(
            self.ledger, self.requester, once, lambda answer: _hit_facts(answer["HIT"], part), recover
        )
        return PublishedHit(part, line["hit_id"], line["hit_type_id"], line["hit_group_id"])

    def _named_in(self, detail: str, annotation: str) -> dict[str, Any] | None:
        """Return the HIT whose id an error message names, if it is ours."""
        for hit_id in re.findall(r"\b[A-Z0-9]{20,64}\b", detail):
            try:
                hit = self.requester.call("GetHIT", HITId=hit_id)["HIT"]
            except TurkError:
                continue
            if hit.get("RequesterAnnotation") == annotation:
                return dict(hit)
        return None

    def _existing(self, annotations: set[str]) -> dict[str, dict[str, Any]]:
        """Return the endpoint's HITs with one of these annotations."""
        found: dict[str, dict[str, Any]] = {}
        for page in self.requester.pages("ListHITs", "HITs"):
            for hit in page:
                if hit.get("RequesterAnnotation") in annotations:
                    found[hit["RequesterAnnotation"]] = hit
            if len(found) == len(annotations):
                break
        return found

    def _found(self, wanted: list[Part]) -> dict[str, dict[str, Any]]:
        """Return, by ledger key, what exists at the endpoint and not in the ledger."""
        known = published_hits(self.ledger)
        if known and self.requester.endpoint.name == "local":
            check_known(self.requester, self.ledger, known[0])
        study = self.study.study
        missing = {part.annotation(study): part for part in wanted if part.key not in self.ledger.outcomes}
        if not missing or (known and not any(part.key in self.ledger.pending for part in missing.values())):
            return {}
        found = {}
        for annotation, hit in self._existing(set(missing)).items():
            part = missing[annotation]
            facts = {"hit": part.hit, "batch": part.batch, "part": part.number}
            found[part.key] = {**facts, **_hit_facts(self._alike(hit, part), part)}
        return found

    def _alike(self, hit: dict[str, Any], part: Part) -> dict[str, Any]:
        """Return a HIT that bears this study's name; GlimpseError unless its page is this study's."""
        question = hit.get("Question")
        if question is not None:
            base_url = image_base(question)
            if base_url is None or question != self._question(part.hit, base_url):
                raise GlimpseError(
                    f"{self.requester.endpoint.url} has HIT {hit['HITId']} under the name of this study's "
                    f"{part.hit}, with another page. No HIT can be changed: build the study again with "
                    "another --seed, and publish that"
                )
        return hit

    def settle_pending(self) -> None:
        """Find out what became of calls that a crash interrupted, and write it down."""
        pending = [line for key, line in self.ledger.pending.items() if key.startswith("hit:")]
        parts = [Part(line["hit"], line["batch"], line["part"], line["places"]) for line in pending]
        for key, facts in self._found(parts).items():
            self.ledger.record("outcome", key=key, **facts, found=True)
        grown = [(key, line) for key, line in self.ledger.pending.items() if key.startswith("grow:")]
        for key, line in grown:
            hit = self.requester.call("GetHIT", HITId=line["hit_id"])["HIT"]
            if hit["MaxAssignments"] >= line["places"]:
                self.ledger.record(
                    "outcome", key=key, hit_id=line["hit_id"], places=line["places"], found=True
                )


def _hit_facts(hit: dict[str, Any], part: Part) -> dict[str, Any]:
    return {
        "places": hit.get("MaxAssignments", part.places),
        "hit_id": hit["HITId"],
        "hit_type_id": hit["HITTypeId"],
        "hit_group_id": hit.get("HITGroupId", ""),
    }


def check_known(requester: Requester, ledger: Ledger, hit: PublishedHit) -> None:
    """Raise GlimpseError when the endpoint has never heard of a HIT that the ledger says it has."""
    try:
        requester.call("GetHIT", HITId=hit.hit_id)
    except TurkError as error:
        raise GlimpseError(
            f"{ledger.path} says that this study is published, but {requester.endpoint.url} does not "
            f"know its HITs ({error.detail}). Was its data folder ({requester.endpoint.data}) deleted? "
            "Point --data at the right one; to publish anew, move that ledger away"
        ) from None


def _folder(study: Study) -> Any:
    if study.folder is None:
        raise GlimpseError("the study is not on the disk; only a study folder can be published")
    return study.folder


def publish(
    study: Study,
    requester: Requester,
    hosting: Hosting | None,
    confirm: Confirm,
    settings: PublicationSettings,
    *,
    given: Collection[str] = (),
    track: Track = untracked,
) -> list[PublishedHit]:
    """Publish a study, or what is missing of it; one process at a time. Returns all its HITs.

    `confirm` gets the quote before anything is created, and raises if the answer is no. A study whose
    publishing began before goes on with its first settings and images: `hosting` may then be None, and
    GlimpseError is raised when a setting that is named in `given` differs.
    """
    path = ledger_path(_folder(study), requester.endpoint.name)
    with alone(path):
        publisher = Publisher(study, requester, Ledger(path))
        return publisher.publish(settings, given, hosting, confirm, track)


def where_workers_go(study: Study, requester: Requester, hits: list[PublishedHit]) -> list[str]:
    """Return the addresses at which people find the study."""
    endpoint = requester.endpoint
    if endpoint.name == "local":
        return [endpoint.worker_site, f"{endpoint.people_url}/join/{study.study}"]
    groups = dict.fromkeys(hit.hit_group_id for hit in hits)
    return [f"{endpoint.worker_site}/mturk/preview?groupId={group}" for group in groups]
