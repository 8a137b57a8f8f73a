"""Where people find a published study: the addresses that `publish`, `status` and `serve` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glimpse.study import Study

    from ..publishing.client import Requester
    from ..publishing.publication import PublishedHit
    from ..server.site import Site


def where_people_go(study: Study, requester: Requester, hits: list[PublishedHit]) -> list[str]:
    """Return the addresses of a study, those of our own server with what each is for."""
    from ..publishing.publishing import where_workers_go

    endpoint = requester.endpoint
    addresses = where_workers_go(study, requester, hits)
    if endpoint.name != "local":
        return addresses
    if endpoint.public_url:
        from ..server.pages.panels import links

        found = links(endpoint.public_url, study.study, panels_only=True)
        return [f"{title}: {link}" for title, link in found]
    every_task, join = addresses
    return [f"Link to hand out:     {join}", f"Tasks, after sign-in: {every_task}"]


def link_to_hand_out(site: Site, public: str, study: str) -> str:
    """Return a study's link that works as it is: behind a public address it is a panel's."""
    from ..server.pages.panels import links

    if site.settings.panels_only:
        return links(public, study, panels_only=True)[0][1]
    return links(public, study, lab=True)[0][1]
