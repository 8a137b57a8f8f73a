"""QuestionForm, Amazon's own description of a form, as a page: XML in, HTML out. Pure.

Source: the QuestionForm data structure of the MTurk API 2017-01-17 (schemas of 2005-10-01 and 2017-11-06).
The page runs in a frame without an origin, as every requester's page does: FormattedContent is shown as it
is. A file cannot be asked for, and neither can an applet; the page says so in its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from glimpse.text import template_text

from .errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element

NAMESPACE = re.compile(
    r"\{http://mechanicalturk\.amazonaws\.com/AWSMechanicalTurkDataSchemas/[\d-]{10}/QuestionForm\.xsd\}"
)
# Where a page sends its answers on MTurk; the server puts its own address there when it serves the page.
SUBMIT = "https://www.mturk.com/mturk/externalSubmit"
OTHER = "[other]"
_ID = "QuestionIdentifier"


@dataclass(frozen=True)
class QuestionForm:
    """A form's page, and by question the identifiers that may be chosen; free text has none."""

    html: str
    selections: dict[str, frozenset[str]] = field(default_factory=dict)


def is_form(root: Element) -> bool:
    """Tell whether an XML document is a QuestionForm."""
    return bool(NAMESPACE.match(str(root.tag))) and _local(root) == "QuestionForm"


def read(root: Element) -> QuestionForm:
    """Return a QuestionForm as a page; RequestError says what is wrong with it."""
    selections: dict[str, frozenset[str]] = {}
    parts = []
    for part in root:
        if _local(part) == "Overview":
            parts.append(f"<section>{_content(part)}</section>")
        elif _local(part) == "Question":
            identifier = _text(part, _ID)
            if not identifier or identifier in selections:
                raise _wrong(f"a Question has no {_ID} of its own")
            html, chosen = _question(part, identifier)
            selections[identifier] = chosen
            parts.append(html)
    if not selections:
        raise _wrong("it has no Question")
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Task</title>'
        f"<style>{template_text('site/question_form.css')}</style></head><body>"
        f'<form method="post" action="{SUBMIT}">{"".join(parts)}<button>Submit</button></form></body></html>'
    )
    return QuestionForm(html, selections)


def _question(question: Element, identifier: str) -> tuple[str, frozenset[str]]:
    required = _text(question, "IsRequired").lower() in {"true", "1"}
    content = _one(question, "QuestionContent")
    wanted = _one(question, "AnswerSpecification")
    kind = next(iter(wanted), None)
    if kind is None or _local(kind) not in _ANSWERS:
        raise _wrong(f"AnswerSpecification of {identifier} holds none of {', '.join(_ANSWERS)}")
    field_html, chosen = _ANSWERS[_local(kind)](kind, identifier, required)
    title = _text(question, "DisplayName")
    legend = f"<legend>{escape(title)}</legend>" if title else ""
    return f"<fieldset>{legend}{_content(content)}{field_html}</fieldset>", chosen


# Answers


def _free_text(wanted: Element, name: str, required: bool) -> tuple[str, frozenset[str]]:
    """Return a field for text or a number, with the constraints that a browser can check."""
    attributes = {"name": name, "aria-label": "Your answer"}
    constraints = _find(wanted, "Constraints")
    numeric = _find(constraints, "IsNumeric") if constraints is not None else None
    if numeric is not None:
        bounds = {"min": numeric.get("minValue"), "max": numeric.get("maxValue")}
        attributes |= {key: value for key, value in bounds.items() if value} | {"step": "any"}
    for rule in constraints if constraints is not None else ():
        if _local(rule) == "Length":
            bounds = {"minlength": rule.get("minLength"), "maxlength": rule.get("maxLength")}
            attributes |= {key: value for key, value in bounds.items() if value}
        elif _local(rule) == "AnswerFormatRegex" and rule.get("regex"):
            # MTurk looks for the expression anywhere in the answer, a browser compares the whole.
            attributes |= {"pattern": f".*(?:{rule.get('regex')}).*", "title": rule.get("errorText") or ""}
    written = "".join(f' {key}="{escape(str(value))}"' for key, value in attributes.items())
    written += " required" if required else ""
    default = escape(_text(wanted, "DefaultText"))
    lines = _text(wanted, "NumberOfLinesSuggestion")
    if numeric is None and "pattern" not in attributes and lines.isdigit() and int(lines) > 1:
        return f'<textarea rows="{min(int(lines), 40)}"{written}>{default}</textarea>', frozenset()
    kind = "text" if numeric is None else "number"
    return f'<input type="{kind}" value="{default}"{written}>', frozenset()


def _selection(wanted: Element, name: str, required: bool) -> tuple[str, frozenset[str]]:
    """Return radio buttons, boxes or a list."""
    style = _text(wanted, "StyleSuggestion").lower()
    several = (_text(wanted, "MaxSelectionCount") or "1") != "1" or style in {"checkbox", "multichooser"}
    options = [
        (_text(option, "SelectionIdentifier"), option)
        for option in _one(wanted, "Selections")
        if _local(option) == "Selection"
    ]
    if not options or not all(identifier for identifier, _ in options):
        raise _wrong(f"Selections of {name} lack their SelectionIdentifier")
    known = frozenset(identifier for identifier, _ in options)
    if style in {"dropdown", "list", "combobox"} and all(
        _find(option, "Text") is not None for _, option in options
    ):
        rows = "".join(
            f'<option value="{escape(identifier)}">{escape(_text(option, "Text"))}</option>'
            for identifier, option in options
        )
        first = "" if several else "<option></option>"
        marks = " multiple" * several + " required" * required
        html = f'<select name="{escape(name)}" aria-label="Your answer"{marks}>{first}{rows}</select>'
    else:
        kind = "checkbox" if several else "radio"
        must = " required" if required and not several else ""
        html = "".join(
            f'<label><input type="{kind}" name="{escape(name)}" value="{escape(identifier)}"{must}> '
            f"{_content(option, inline=True)}</label>"
            for identifier, option in options
        )
    other = _find(_one(wanted, "Selections"), "OtherSelection")
    if other is not None:
        html += f"<label>Other: {_free_text(other, OTHER + name, required=False)[0]}</label>"
    return html, known


def _file(_wanted: Element, name: str, _required: bool) -> tuple[str, frozenset[str]]:
    said = "This question asks for a file. This server takes none; please leave it out."
    return f'<p role="note">{said}</p><input type="hidden" name="{escape(name)}">', frozenset()


_ANSWERS: dict[str, Callable[[Element, str, bool], tuple[str, frozenset[str]]]] = {
    "FreeTextAnswer": _free_text,
    "SelectionAnswer": _selection,
    "FileUploadAnswer": _file,
}


# Content


def _content(parent: Element, *, inline: bool = False) -> str:
    return "".join(_block(part, inline=inline) for part in parent)


def _block(part: Element, *, inline: bool) -> str:
    name, text = _local(part), (part.text or "").strip()
    if name == "FormattedContent":
        return part.text or ""
    if name in {"Title", "Text"}:
        tag = "span" if inline else {"Title": "h2", "Text": "p"}[name]
        return f"<{tag}>{escape(text)}</{tag}>"
    if name == "List":
        items = [escape((item.text or "").strip()) for item in part]
        return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"
    if name in {"Binary", "EmbeddedBinary"}:
        return _binary(part)
    if name in {"Application", "JavaApplet", "Flash"}:
        return '<p role="note">Something belongs here that browsers no longer show.</p>'
    return ""


def _binary(part: Element) -> str:
    address = escape(_text(part, "DataURL"))
    words = escape(_text(part, "AltText"))
    kind = _find(part, "MimeType")
    sort = (_text(kind, "Type") or (kind.text or "")).strip().lower() if kind is not None else "image"
    if sort.startswith(("audio", "video")):
        return f'<{sort[:5]} controls src="{address}">{words}</{sort[:5]}>'
    return f'<img src="{address}" alt="{words}">'


# XML


def _local(part: Element) -> str:
    return str(part.tag).rpartition("}")[2]


def _find(parent: Element, name: str) -> Element | None:
    return next((part for part in parent if _local(part) == name), None)


def _one(parent: Element, name: str) -> Element:
    found = _find(parent, name)
    if found is None:
        raise _wrong(f"{_local(parent)} has no {name}")
    return found


def _text(parent: Element, name: str) -> str:
    found = _find(parent, name)
    return (found.text or "").strip() if found is not None else ""


def _wrong(what: str) -> RequestError:
    return RequestError(f"The QuestionForm cannot be shown: {what}.", "InvalidQuestion")
