"""The words of every page that participants meet: one catalogue a language, and the study's own wording.

A catalogue is `templates/languages/<code>.toml`: data, no code. `name` is the language's own name, `dir` its
direction, `[plural]` its rules for whole numbers in the notation of CLDR (https://cldr.unicode.org), and each
further table holds the texts of one part. `{name}` in a text is a placeholder. A text that depends on a
number is a table of plural forms; the number is its placeholder `{count}`. English says which texts there
are; where another catalogue lacks one, English is shown.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from glimpse.errors import GlimpseError
from glimpse.text import template_file, template_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Text = str | dict[str, str]
Wording = dict[str, dict[str, Text]]

SOURCE = "en"
# The parts of which the server's own pages are made; the others are those of a HIT's page.
SITE = (
    "site", "months", "join", "sign_in", "tasks", "work", "ended", "leave", "history", "qualifications",
    "errors",
)  # fmt: skip
CLIPS = "clips"  # the part of what stands in place of other texts where a study has clips
SINGLE = "single"  # the same where it shows one image at a time, still or moving
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_RELATION = re.compile(r"[ni](?: % (\d+))? (!?=) ([\d.,]+)")


@dataclass(frozen=True)
class Language:
    """A language's words: `code` for the attribute `lang`, its own `name`, `dir` "ltr" or "rtl".

    `plural` maps plural categories to CLDR's rules, `texts` parts to keys to texts.

    >>> language("en").say("consent.agree")
    'I agree to take part'
    """

    code: str
    name: str
    dir: str
    plural: Mapping[str, str]
    texts: Mapping[str, Mapping[str, Text]]

    def say(self, key: str, /, **values: object) -> str:
        """Return the text `part.key` with its placeholders filled in; KeyError for one without a value.

        A text with plural forms needs `count`, a whole number. In a language that is written from right to
        left, words that are filled in keep their own direction.
        """
        found = self._form(key, values)
        return _PLACEHOLDER.sub(lambda place: self._apart(values[place[1]]), found)

    def html(self, key: str, /, **values: object) -> Markup:
        """Return the same as HTML: escaped, but for values that are HTML themselves (`Markup`)."""
        found = str(escape(self._form(key, values)))
        filled = _PLACEHOLDER.sub(lambda place: str(escape(self._kept(values[place[1]]))), found)
        return Markup(filled)  # noqa: S704 - text and values were escaped

    def words(self, part: str) -> dict[str, Text]:
        """Return all texts of a part, as a page's script takes them: with placeholders and plural forms.

        A script picks the form that `new Intl.PluralRules(lang).select(count)` names, else `other`.
        """
        return dict(self.texts[part])

    def category(self, count: int) -> str:
        """Return the plural category of a whole number that is not negative.

        >>> language("en").category(1), language("en").category(2)
        ('one', 'other')
        """
        return next((name for name, rule in self.plural.items() if _holds(rule, count)), "other")

    def _form(self, key: str, values: Mapping[str, object]) -> str:
        part, _, name = key.partition(".")
        text = self.texts[part][name]
        if isinstance(text, str):
            return text
        count = values["count"]
        if not isinstance(count, int):
            raise TypeError(f"count is {count!r}; {key} needs a whole number.")
        return text.get(self.category(count), text["other"])

    def _kept(self, value: object) -> object:
        return value if isinstance(value, Markup) else self._apart(value)

    def _apart(self, value: object) -> str:
        """Return a value as text that does not take part in the order of the words around it."""
        return f"\u2068{value}\u2069" if self.dir == "rtl" and isinstance(value, str) else str(value)


def codes() -> tuple[str, ...]:
    """Return the codes of all languages that have a catalogue."""
    files = (file.name for file in template_file("languages").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def language(
    code: str,
    wording: Mapping[str, Mapping[str, Text]] | None = None,
    *,
    clips: bool = False,
    single: bool = False,
) -> Language:
    """Return a language's words, those of `wording` (as `read_wording` returns it) in place of its own.

    With `clips` they are those of a study of clips: its part of that name replaces what speaks of images.
    With `single` they are those of one image at a time: its part of that name replaces what speaks of pairs.
    GlimpseError for a code without a catalogue, and for wording that no page has.

    >>> language("en", {"consent": {"agree": "Yes, I will"}}).say("consent.agree")
    'Yes, I will'
    >>> language("en", clips=True).say("questions.realism")
    'Which clip is more realistic?'
    """
    if code not in codes():
        near = get_close_matches(code[:2].lower(), codes(), 1, 0.5)
        hint = f" The nearest is {near[0]}." if near else ""
        raise GlimpseError(f"language {code!r} has no catalogue.{hint} There are {', '.join(codes())}.")
    found = catalogue(code)
    if not wording and not clips and not single:
        return found
    own = wording or {}
    for part, key, problem in _problems(own, found):
        raise GlimpseError(f"wording: [{part}] {key} {problem}")
    moved: Wording = {}
    for part, wanted in ((CLIPS, clips), (SINGLE, single)):
        for name, texts in _by_part({**found.texts[part], **own.get(part, {})} if wanted else {}).items():
            moved[name] = {**moved.get(name, {}), **texts}
    said = {part: {**held, **moved.get(part, {}), **own.get(part, {})} for part, held in found.texts.items()}
    return Language(found.code, found.name, found.dir, found.plural, said)


def _by_part(texts: Mapping[str, Text]) -> Wording:
    """Return texts by part and key, whose names are `part.key`."""
    found: Wording = {}
    for name, text in texts.items():
        part, _, key = name.partition(".")
        found.setdefault(part, {})[key] = text
    return found


@cache
def catalogue(code: str) -> Language:
    """Return a language as its catalogue has it."""
    read = tomllib.loads(template_text(f"languages/{code}.toml"))
    name, direction, plural = read.pop("name"), read.pop("dir"), read.pop("plural", {})
    if code != SOURCE:
        read = {part: {**held, **read.get(part, {})} for part, held in catalogue(SOURCE).texts.items()}
    return Language(code, name, direction, plural, read)


def read_wording(path: Path, code: str = SOURCE) -> Wording:
    """Return the texts of a file that replace those of a language: a TOML file with keys of the catalogue.

    GlimpseError names file and line for what is no TOML, no text of ours, or has a placeholder too many.
    """
    try:
        source = path.read_text(encoding="utf-8-sig")
        read: dict[str, Any] = tomllib.loads(source)
    except UnicodeDecodeError as error:
        raise GlimpseError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise GlimpseError(f'{path} is no TOML file: {error}. Write lines like agree = "Yes".') from None
    for part, key, problem in _problems(read, language(code)):
        raise GlimpseError(f"{path}{_line(source, part, key)}: [{part}] {key} {problem}".replace("  ", " "))
    return read


def _problems(read: Mapping[str, Any], found: Language) -> list[tuple[str, str, str]]:
    """Return what is wrong with texts that shall replace a language's: part, key, the rest of a sentence."""
    problems = []
    for part, texts in read.items():
        if part not in found.texts or not isinstance(texts, dict):
            problems.append((part, "", f"is no part of a page; {_known(part, found.texts)}"))
            continue
        for key, text in texts.items():
            if key not in found.texts[part]:
                problems.append((part, key, f"is no text of a page; {_known(key, found.texts[part])}"))
            elif problem := _problem(text, found.texts[part][key], found):
                problems.append((part, key, problem))
    return problems


def _problem(text: object, own: Text, found: Language) -> str:
    """Return what is wrong with one text that shall stand for `own`; empty when nothing is."""
    forms = text if isinstance(text, dict) else {"other": text}
    if not forms or not all(isinstance(form, str) and form.strip() for form in forms.values()):
        return "must be a text that is not empty."
    allowed = {*found.plural, "other"} if isinstance(own, dict) else {"other"}
    if set(forms) - allowed or "other" not in forms:
        return (
            f"has the forms {', '.join(forms)}; {found.name} has {', '.join([*found.plural, 'other'])}, "
            "and other must be there."
            if isinstance(own, dict)
            else "has forms by number; it needs one text."
        )
    known = placeholders(own)
    extra = sorted({name for form in forms.values() for name in _PLACEHOLDER.findall(str(form))} - known)
    if extra:
        names = ", ".join(f"{{{name}}}" for name in sorted(known)) or "none"
        return f"has the placeholder {{{extra[0]}}}; allowed are: {names}."
    return ""


def placeholders(text: Text) -> set[str]:
    """Return the names of a text's placeholders, of all its forms together."""
    forms = text.values() if isinstance(text, dict) else [text]
    return {name for form in forms for name in _PLACEHOLDER.findall(form)}


def _known(name: str, names: Mapping[str, object]) -> str:
    near = get_close_matches(name, names, 1, 0)
    return f"the nearest is {near[0]}. All are in {template_file(f'languages/{SOURCE}.toml')}."


def _line(source: str, part: str, key: str) -> str:
    """Return `, line 3`: where a key of a part is in a TOML file; empty where it cannot be told."""
    here = ""
    for number, line in enumerate(source.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line):
            here = header[1].strip("\"'")
        named = re.match(r"\s*([\w\"'.-]+)\s*=", line)
        full = f"{here}.{named[1]}".strip(".") if named else here
        if full.replace('"', "").replace("'", "") == f"{part}.{key}".strip("."):
            return f", line {number}"
    return ""


def _holds(rule: str, count: int) -> bool:
    """Tell whether a CLDR plural rule holds for a whole number: `n % 10 = 2..4 and n % 100 != 12..14`."""
    return any(
        all(_relation(relation.strip(), count) for relation in both.split(" and "))
        for both in rule.split(" or ")
    )


def _relation(relation: str, count: int) -> bool:
    found = _RELATION.fullmatch(relation)
    if found is None:
        raise GlimpseError(f"plural rule {relation!r} cannot be read; write one like n % 10 = 2..4.")
    value = count % int(found[1]) if found[1] else count
    ranges = (numbers.partition("..") for numbers in found[3].split(","))
    inside = any(int(low) <= value <= int(high or low) for low, _, high in ranges)
    return inside == (found[2] == "=")
