"""What participants agree to: the requester's own text in Markdown, or the language's, filled in."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from markupsafe import Markup

from glimpse.errors import GlimpseError

from .wording import asks_realism

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from markdown_it import MarkdownIt

    from glimpse.language import Language
    from glimpse.questions import Question

    from .settings import PageSettings

# Languages that set no space between two sentences.
_WITHOUT_SPACES = {"ja", "zh"}
_SCHEMES = ("https", "http", "mailto")
# An address, a number to call, or a page: what somebody who has a question can turn to.
_CONTACT = re.compile(r"[^\s@]+@[^\s@]+\.\w|https?://|\+?\d[\d ()/-]{6,}\d")


def read_consent(path: Path) -> str:
    """Read a consent, Markdown or plain text; GlimpseError where it is empty or not UTF-8."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise GlimpseError(
            f"--consent {path} is not UTF-8 text ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from None
    if not text.strip():
        raise GlimpseError(f"--consent {path} is empty; it must hold what participants agree to.")
    return text.strip() + "\n"


def names_contact(settings: PageSettings) -> bool:
    """Tell whether a consent says whom to ask: an e-mail address, a web page, or a telephone number.

    The requester's own text must say it itself; `contact` fills in the language's text alone.
    """
    return bool(_CONTACT.search(settings.consent) if settings.consent else settings.contact)


def consent_html(
    settings: PageSettings,
    words: Language,
    questions: Sequence[Question],
    *,
    forms: bool = False,
    clips: bool = False,
) -> Markup:
    """Return what participants agree to as HTML: title, paragraphs, lists, emphasis and links; nothing else.

    What looks like HTML is shown as it is written. Links open in a tab of their own.
    """
    if settings.consent:
        # The page has a title of its own, which this text's headings are below.
        return Markup(_markdown().render(settings.consent))  # noqa: S704 - rendered without raw HTML
    task = words.html("consent.task", count=len(questions))
    if len(questions) == 1 and asks_realism(questions[0], words):
        task = words.html("consent.task_realism")
    first = [task, words.html("consent.voluntary")]
    second = [words.html("consent.data")]
    second += [words.html("moving.recorded")] if clips else []
    second += [words.html("consent.forms")] if forms else []
    third = [
        words.html(f"consent.{name}", **{name: _linked(getattr(settings, name))})
        for name in ("institution", "ethics", "contact")
        if getattr(settings, name)
    ]
    between = "" if words.code in _WITHOUT_SPACES else " "
    paragraphs = [between.join(part) for part in (first, second, third) if part]
    return Markup("".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs))  # noqa: S704 - escaped


def _linked(text: str) -> Markup | str:
    """Return an e-mail address as a link to it; any other text as it is."""
    if re.fullmatch(r"[^\s@]+@[^\s@]+\.\w+", text):
        return Markup('<a href="mailto:{0}">{0}</a>').format(text)
    return text


@cache
def _markdown() -> MarkdownIt:
    """Return what renders Markdown: no HTML, no images, no code, no links but to the web and to e-mail."""
    from markdown_it import MarkdownIt

    rules = ["heading", "list", "link", "autolink", "emphasis", "escape", "newline", "balance_pairs"]
    found = MarkdownIt("zero").enable(rules)
    found.validateLink = _is_allowed  # type: ignore[method-assign,assignment]
    found.add_render_rule("link_open", _link_open)
    found.add_render_rule("heading_open", _heading)
    found.add_render_rule("heading_close", _heading)
    return found


def _is_allowed(address: str) -> bool:
    return urlsplit(address).scheme in _SCHEMES


def _link_open(renderer: Any, tokens: Any, place: int, options: Any, _env: Any) -> str:
    tokens[place].attrSet("target", "_blank")
    tokens[place].attrSet("rel", "noopener")
    return str(renderer.renderToken(tokens, place, options, _env))


def _heading(renderer: Any, tokens: Any, place: int, options: Any, _env: Any) -> str:
    tokens[place].tag = f"h{min(6, int(tokens[place].tag[1]) + 1)}"
    return str(renderer.renderToken(tokens, place, options, _env))
