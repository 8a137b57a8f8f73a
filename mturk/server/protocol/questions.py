"""A HIT's question: HTMLQuestion, ExternalQuestion and QuestionForm read safely. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from glimpse.errors import GlimpseError
from glimpse.language import SOURCE, Wording, codes, language

from ...design.limits import OWN_QUESTION_BYTES
from ...page.sizes import UNLIMITED_LEAST, window_of
from . import question_forms
from .errors import RequestError

_SCHEMAS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/"
HTML = f"{_SCHEMAS}2011-11-11/HTMLQuestion.xsd"
EXTERNAL = f"{_SCHEMAS}2006-07-14/ExternalQuestion.xsd"
_LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class HitQuestion:
    """What a HIT shows: a page of its own (`html`) or the address of one elsewhere (`url`).

    `height` is in CSS pixels; 0 fills the window. `selections`: by question of a QuestionForm what may be
    chosen; None for every other page.
    """

    html: str | None
    url: str | None
    height: int
    selections: dict[str, frozenset[str]] | None = None

    @property
    def own(self) -> bool:
        """Whether the page is one of our studies', which runs on this server's own origin."""
        return self.html is not None and needed_window(self.html) is not None


@lru_cache(maxsize=256)
def parse(xml: str) -> HitQuestion:
    """Return the question that MTurk's XML describes; RequestError says what is wrong with it."""
    size = len(xml.encode())
    if size > OWN_QUESTION_BYTES:
        raise RequestError(
            f"Question has {size} bytes; at most {OWN_QUESTION_BYTES} are allowed.", "InvalidQuestion"
        )
    try:
        root = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise RequestError(f"Question is not XML that can be read: {error}", "InvalidQuestion") from None
    if root.tag == f"{{{HTML}}}HTMLQuestion":
        html = _child(root, HTML, "HTMLContent")
        if not html.strip():
            raise RequestError("HTMLContent is empty.", "InvalidQuestion")
        # Browsers hash and show a page with its line breaks normalized.
        return HitQuestion(html.replace("\r\n", "\n").replace("\r", "\n"), None, _height(root, HTML))
    if root.tag == f"{{{EXTERNAL}}}ExternalQuestion":
        return HitQuestion(
            None, _checked_url(_child(root, EXTERNAL, "ExternalURL").strip()), _height(root, EXTERNAL)
        )
    if question_forms.is_form(root):
        form = question_forms.read(root)
        return HitQuestion(form.html, None, 0, form.selections)
    raise RequestError(
        f"Question starts with {str(root.tag)[:150]}; allowed: HTMLQuestion of {HTML}, ExternalQuestion of "
        f"{EXTERNAL}, or QuestionForm.",
        "InvalidQuestion",
    )


def _child(root: Element, namespace: str, name: str) -> str:
    found = root.findall(f"{{{namespace}}}{name}")
    if len(found) != 1:
        raise RequestError(f"Question holds {len(found)} {name}; needed: one.", "InvalidQuestion")
    return found[0].text or ""


def _height(root: Element, namespace: str) -> int:
    text = _child(root, namespace, "FrameHeight").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise RequestError(
            f"FrameHeight is {text[:20]!r}; needed: a number of pixels from 0.", "InvalidQuestion"
        )
    return int(text)


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL)):
        raise RequestError(f"ExternalURL is {url[:100]!r}; needed: an https address.", "InvalidQuestion")
    if any(character in url for character in " \t\n\"';,"):
        raise RequestError("ExternalURL holds characters that must be escaped.", "InvalidQuestion")
    return url


_PAGE_DATA = '<script type="application/json" id="data">'
# Tags and comments of a page that never end: each makes a parser look through all the rest.
_MAX_UNFINISHED = 32


@dataclass(frozen=True)
class Window:
    """The smallest window, in CSS pixels, in which a page shows its trials; `limited` in limited time."""

    width_px: int
    height_px: int
    limited: bool


@lru_cache(maxsize=256)
def needed_window(html: str) -> Window | None:
    """Return the window that a page of ours needs, as its script reckons it; None for any other page.

    In limited time the images have their full size, else at least 0.3 of it, unless the page states how much.
    """
    text = html.partition(_PAGE_DATA)[2].partition("</script>")[0]
    try:
        data = json.loads(text) if text else {}
        limited = bool(data["e"])
        factor = data.get("l") or (1 if limited else UNLIMITED_LEAST)
        abreast = 1 if data.get("S") else 2
        size = data["w"] * factor, data["H"] * factor + data.get("v", 0)
        return Window(*window_of(*size, abreast), limited)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _said(html: str) -> tuple[str, Wording]:
    """Return a page's language, and the texts of the server's pages that its study replaces.

    English and no texts where they are none that this server has.
    """
    data = json.loads(html.partition(_PAGE_DATA)[2].partition("</script>")[0])
    found = re.search(r'<html lang="([\w-]{1,20})"', html[:200])
    code, wording = found[1] if found else SOURCE, data.get("m", {})
    try:
        language(code, wording)
    except (GlimpseError, AttributeError, TypeError):
        return (code if code in codes() else SOURCE), {}
    return code, wording


@dataclass(frozen=True)
class PageNeeds:
    """What a HIT's page needs: a window, and where it has crowd elements, whether it loads their script.

    Of a page of ours also its language's code, and the texts of the server's pages that its study replaces.
    """

    window: Window | None = None
    crowd_script: bool | None = None
    language: str = SOURCE
    wording: Wording = field(default_factory=dict)


def page_needs(xml: str) -> str | None:
    """Return what a question's page needs, as it is kept with its HIT; None for nothing."""
    try:
        html = parse(xml).html or ""
    except RequestError:
        return None
    window = needed_window(html)
    crowd = "crowd-html-elements" in html if "<crowd-" in html else None
    if window is None and crowd is None:
        return None
    size = [window.width_px, window.height_px, window.limited] if window else None
    code, wording = _said(html) if window else (SOURCE, {})
    said = {**({"language": code} if code != SOURCE else {}), **({"wording": wording} if wording else {})}
    return json.dumps({"window": size, "crowd_script": crowd, **said})


def kept_needs(text: str | None) -> PageNeeds:
    """Return what `page_needs` kept."""
    kept = json.loads(text) if text else {}
    size = kept.get("window")
    window = Window(*size) if size else None
    return PageNeeds(window, kept.get("crowd_script"), kept.get("language", SOURCE), kept.get("wording", {}))


class _Blocks(HTMLParser):
    """Collects what a page loads or holds inline, the way a browser will see it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.inline: dict[str, list[str]] = {"script": [], "style": []}
        self.attributes: dict[str, list[str]] = {"script": [], "style": []}
        self.linked: dict[str, list[str]] = {"script": [], "style": []}
        self._inside: str | None = None
        self._text: list[str] = []
        self._unfinished = 0

    def _ended(self, position: int) -> int:
        """Return where a tag or comment ends, negative where it never does; RequestError for too many."""
        self._unfinished += position < 0
        if self._unfinished > _MAX_UNFINISHED:
            raise RequestError(
                f"This task's page cannot be shown: more than {_MAX_UNFINISHED} of its tags and comments "
                "never end.",
                "InvalidQuestion",
            )
        return position

    def parse_starttag(self, i: int) -> int:
        """Read a start tag, as the base class does."""
        return self._ended(super().parse_starttag(i))

    def parse_endtag(self, i: int) -> int:
        """Read an end tag, as the base class does."""
        return self._ended(super().parse_endtag(i))

    def parse_comment(self, i: int, report: bool = True) -> int:
        """Read a comment, as the base class does."""
        return self._ended(super().parse_comment(i, report))

    def parse_pi(self, i: int) -> int:
        """Read a processing instruction, as the base class does."""
        return self._ended(super().parse_pi(i))

    def parse_html_declaration(self, i: int) -> int:
        """Read what follows `<!`, as the base class does."""
        try:
            return self._ended(super().parse_html_declaration(i))
        except AssertionError:  # of a marked section without a name
            return self._ended(-1)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note event handlers, style attributes and addresses; begin an inline block."""
        named = {name: value or "" for name, value in attrs}
        for name, value in named.items():
            if name.startswith("on"):
                self.attributes["script"].append(value)
            elif name == "style":
                self.attributes["style"].append(value)
        if tag == "script" and "src" in named:
            self.linked["script"].append(named["src"])
        elif tag in self.inline:
            self._inside, self._text = tag, []
        elif tag == "link" and "stylesheet" in named.get("rel", "").lower().split():
            self.linked["style"].append(named.get("href", ""))

    def handle_data(self, data: str) -> None:
        """Collect the text of an inline block."""
        if self._inside:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End an inline block."""
        if tag == self._inside:
            self.inline[tag].append("".join(self._text))
            self._inside = None


@lru_cache(maxsize=256)
def content_policy(html: str) -> str:
    """Return the Content-Security-Policy of a requester's page.

    Only the scripts and styles that stand in the page run, by their SHA-256, and linked ones by their exact
    https address; whatever gets injected does not. Images come from wherever the requester put them (a lab's
    own store may have no TLS; behind https, browsers see to it themselves); answers go to this server only.
    """
    blocks = _Blocks()
    blocks.feed(html)
    blocks.close()
    sources = {kind: _sources(blocks, kind) for kind in ("script", "style")}
    return (
        f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; "
        "img-src 'self' https: http: data: blob:; media-src 'self' https: http: blob:; "
        "font-src 'self' https: data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'self'"
    )


def _sources(blocks: _Blocks, kind: str) -> str:
    sources = [_digest(text) for text in blocks.inline[kind]]
    if blocks.attributes[kind]:
        sources += ["'unsafe-hashes'", *map(_digest, blocks.attributes[kind])]
    for address in blocks.linked[kind]:
        parts = urlsplit(address)
        if parts.scheme == "https" and not any(character in address for character in " \t\n\"';,"):
            sources.append(address.partition("?")[0].partition("#")[0])
    return " ".join(dict.fromkeys(sources)) or "'none'"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8', 'replace')).digest()).decode()}'"
