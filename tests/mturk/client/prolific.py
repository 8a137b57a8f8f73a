"""A made-up Prolific for tests: in the process, held to Prolific's document, killed at any request."""

from __future__ import annotations

import asyncio
import json
import re
from functools import cache, cached_property
from pathlib import Path

import httpx

from glimpse.mturk.recruiting.client import Address, ProlificClient
from glimpse.mturk.recruiting.own_side import OwnSide
from glimpse.mturk.rehearsal.app import DroppedError, create_fake

DOCUMENT = Path(__file__).parents[4] / "shared" / "data" / "prolific" / "openapi.yml"
URL, TOKEN = "http://127.0.0.1:9/fake-prolific", "secret-token"


class KilledError(BaseException):
    """The process ends here."""


class Document:
    """Prolific's OpenAPI document, where it is at hand: it says what requests and answers look like."""

    @cached_property
    def content(self):
        import yaml

        # The parser in C takes a second, the other one ten.
        return yaml.load(DOCUMENT.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    @cached_property
    def registry(self):
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        return Registry().with_resource("urn:prolific", DRAFT202012.create_resource(self.content))

    @cached_property
    def operations(self):
        """(method, pattern of the path, pointer to the operation, operation), the plainest paths first."""
        found = [
            (method.upper(), path, path_item)
            for path, items in self.content["paths"].items()
            for method, path_item in items.items()
            if method in {"get", "post", "patch", "delete"}
        ]
        found.sort(key=lambda row: row[1].count("{"))
        return [
            (method, re.sub(r"{\w+}", "[^/]+", path), path.replace("~", "~0").replace("/", "~1"), item)
            for method, path, item in found
        ]

    @cache  # noqa: B019 - there is one document
    def operation(self, method, path):
        for named, pattern, pointer, item in self.operations:
            if named == method and re.fullmatch(pattern, path):
                return f"urn:prolific#/paths/{pointer}/{method.lower()}", item
        raise AssertionError(f"the document has no {method} {path}")

    @cache  # noqa: B019 - there is one document
    def _validator(self, reference):
        from jsonschema import Draft202012Validator

        return Draft202012Validator({"$ref": reference}, registry=self.registry)

    def validate(self, reference, value):
        self._validator(reference).validate(value)

    def _resolved(self, schema):
        while "$ref" in schema:
            schema = self.content["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def check_request(self, method, path, query, raw):
        reference, item = self.operation(method, path)
        needed = {
            one["name"]
            for one in item.get("parameters", [])
            if one["in"] == "query" and one["required"] and one["name"] != "filter"
        }
        assert needed <= set(query), (method, path, query)
        content = item.get("requestBody", {}).get("content", {})
        if not content:
            assert not raw, (method, path, raw)
            return
        body = json.loads(raw)
        self.validate(f"{reference}/requestBody/content/application~1json/schema", body)
        schema = self._resolved(content["application/json"]["schema"])
        assert "properties" not in schema or set(body) <= set(schema["properties"]), body

    def check_response(self, method, path, reply):
        reference, item = self.operation(method, path)
        if reply.status_code >= 400:
            self.validate("urn:prolific#/components/schemas/Error", reply.json())
            return
        status = str(reply.status_code)
        assert status in item["responses"], (method, path, status)
        place = f"{reference}/responses/{status}/content/application~1json/schema"
        self.validate(place, reply.json())


THE_DOCUMENT = Document()


class Wire(httpx.BaseTransport):
    """Carries requests to a made-up Prolific in this process, and checks them on the way.

    `kill(n, "before")` ends the process as the n-th request from now would be sent, "after": as its answer
    came, which then nobody reads. `checked` tells whether the document was at hand.
    """

    def __init__(self, fake=None):
        self.app = create_fake(fake)
        self.app.state.token = TOKEN
        self.checked = DOCUMENT.is_file()
        self._document = THE_DOCUMENT
        self.sent, self._left, self._when = [], None, ""

    @property
    def fake(self):
        return self.app.state.fake

    @property
    def faults(self):
        return self.app.state.faults

    def kill(self, number, when):
        self._left, self._when = number, when

    def point(self, when, what):
        """A moment at which the process may end."""
        if when == "before":
            self.sent.append(what)
            self._left = None if self._left is None else self._left - 1
        if self._left == 0 and self._when == when:
            self._left = None
            raise KilledError(f"{when} {what}")

    def handle_request(self, request):
        raw, query = request.read(), dict(request.url.params)
        path = request.url.path.removeprefix("/fake-prolific")
        self.point("before", f"{request.method} {path}")
        if self.checked:
            self._document.check_request(request.method, path, query, raw)
        try:
            reply = asyncio.run(self._answer(request.method, request.url, raw, request.headers))
        except DroppedError as error:
            raise httpx.ReadError(str(error)) from None
        if self.checked:
            self._document.check_response(request.method, path, reply)
        self.point("after", f"{request.method} {path}")
        return httpx.Response(reply.status_code, headers=dict(reply.headers), content=reply.content)

    async def _answer(self, method, url, raw, headers):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app)) as browser:
            address = f"http://fake{url.raw_path.decode().removeprefix('/fake-prolific')}"
            return await browser.request(method, address, content=raw, headers=dict(headers))

    def client(self):
        return ProlificClient(Address(URL, TOKEN), transport=self, sleep=lambda _: None)


def install(monkeypatch, wire):
    """Let the commands find this Prolific, and let them be killed at requests to our own server, too."""
    begin, ask = ProlificClient.__init__, OwnSide._asked

    def created(self, address, **_):
        begin(self, address, transport=wire, sleep=lambda _: None)

    def asked(self, method, body):
        wire.point("before", f"own {method}")
        found = ask(self, method, body)
        wire.point("after", f"own {method}")
        return found

    monkeypatch.setattr(ProlificClient, "__init__", created)
    monkeypatch.setattr(OwnSide, "_asked", asked)
    monkeypatch.setenv("PROLIFIC_URL", URL)
    monkeypatch.setenv("PROLIFIC_TOKEN", TOKEN)


class People:
    """People of Prolific who come to our server by HTTP, and go back with the code that it shows them."""

    def __init__(self, server, wire, study):
        self.server, self.wire, self.study = server, wire, study
        self.number = 0
        self._browsers = []

    def close(self):
        for browser in self._browsers:
            browser.close()

    def take(self, participant=None):
        """Take a place at Prolific; returns the submission."""
        self.number += 1
        name = next(reversed(self.wire.fake.studies))
        return self.wire.fake.take(name, participant or f"{self.number:024x}")

    def link(self, submission):
        from glimpse.mturk.rehearsal.app import signed_link

        return signed_link(self.wire.app.state, submission)

    def arrive(self, submission, link=None):
        """Come by the link and begin; returns the browser and the assignment's id."""
        address = link or self.link(submission)
        browser = httpx.Client(follow_redirects=False)
        self._browsers.append(browser)
        page = browser.get(address)
        fields = dict(re.findall(r'name="(csrf|checked)" value="([^"]+)"', page.text))
        reply = browser.post(address, data=fields)
        assert reply.status_code == 303, reply.text
        return browser, reply.headers["location"].rpartition("/")[2]

    def hand_in(self, browser, assignment, wrong=0):
        """Answer the HIT, and return the address to which the page leads back."""
        rows = self.server.site.store.read(lambda tx: tx.all("SELECT * FROM assignments"))
        hit = next(row["hit_id"] for row in rows if row["assignment_id"] == assignment)
        self.server.hand_in(assignment, self.study, hit, wrong=wrong)
        return self.way_back(browser, assignment)

    def way_back(self, browser, assignment):
        page = browser.get(f"{self.server.url}/worker/assignments/{assignment}/done")
        return re.search(r'id="back" href="([^"]+)"', page.text)[1]

    def finish(self, participant=None, wrong=0):
        """Take part from beginning to end; returns (submission, assignment id)."""
        submission = self.take(participant)
        browser, assignment = self.arrive(submission)
        back = self.hand_in(browser, assignment, wrong)
        self.go_back(submission, back)
        return submission, assignment

    def go_back(self, submission, back):
        """Follow the address back to Prolific."""
        code = re.search(r"cc=(\w+)", back)[1]
        return self.wire.fake.complete(submission["id"], code)
