"""Forms before and after the trials: what participants are asked of themselves, and what they entered."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

from glimpse.errors import GlimpseError
from glimpse.text import check_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FieldKind = Literal["choice", "number", "text"]
FormWhen = Literal["before", "after"]
LONGEST_NAME = 40
_NAME = re.compile(rf"[A-Za-z][\w-]{{0,{LONGEST_NAME - 1}}}", re.ASCII)


@dataclass(frozen=True)
class FormField:
    """One field of a form. `name` stands in results, `text` is what participants read.

    `options` are those of a `choice`, in order, and empty otherwise. `required` fields must be filled in.
    GlimpseError names the field and what is wrong with it.
    """

    name: str
    text: str
    kind: FieldKind = "text"
    options: tuple[str, ...] = ()
    when: FormWhen = "after"
    required: bool = True

    def __post_init__(self) -> None:
        """Refuse what no form can ask; GlimpseError names the field."""
        if not _NAME.fullmatch(self.name):
            raise GlimpseError(
                f"form field is named {self.name!r}; allowed are up to 40 letters, digits, - and _, "
                "beginning with a letter."
            )
        where = f"form field {self.name}"
        if not self.text.strip():
            raise GlimpseError(f"{where} has no text; say what participants are asked.")
        for name, allowed in (("kind", get_args(FieldKind)), ("when", get_args(FormWhen))):
            if getattr(self, name) not in allowed:
                raise GlimpseError(
                    f"{where}: {name} is {getattr(self, name)!r}; allowed are {', '.join(allowed)}."
                )
        if self.kind != "choice" and self.options:
            raise GlimpseError(f"{where}: options belong to kind choice; its kind is {self.kind}.")
        if self.kind == "choice" and len(self.options) < 2:
            raise GlimpseError(f"{where} is a choice of {len(self.options)}; give it at least 2 options.")
        twice = [option for option in self.options if self.options.count(option) > 1]
        if twice or not all(option.strip() for option in self.options):
            raise GlimpseError(f"{where}: option {(twice or [''])[0]!r} is empty or stands there twice.")

    def to_json(self) -> dict[str, Any]:
        """Return the field as study.json holds it."""
        return {**asdict(self), "options": list(self.options)}

    @classmethod
    def from_json(cls, value: Any) -> FormField:
        """Read what `to_json` wrote; GlimpseError for unknown keys and values of a wrong kind."""
        known = {field.name for field in fields(cls)}
        if not isinstance(value, dict) or set(value) - known or not {"name", "text"} <= set(value):
            raise GlimpseError(f"a form field is {str(value)[:60]}; known are {', '.join(sorted(known))}.")
        required = value.get("required", True)
        texts = {key: one for key, one in value.items() if key != "required"}
        check_texts(f"form field {value['name']!r}", texts, lists=("options",))
        if not isinstance(required, bool):
            raise GlimpseError(
                f"form field {value['name']!r}: required is {required!r}; write true or false."
            )
        return cls(**{**value, "options": tuple(value.get("options", ()))})


def number_of(text: str) -> float:
    """Return the number that was entered in a field of kind number; NaN where it is none.

    >>> number_of("27"), number_of(" 1,5 "), number_of("twenty")
    (27.0, 1.5, nan)
    """
    try:
        found = float(text.strip().replace(",", ".")) if text.isascii() else math.nan
    except ValueError:
        return math.nan
    return found if math.isfinite(found) else math.nan


def form_problem(forms: Sequence[FormField], entered: Mapping[str, str]) -> str | None:
    """Return how what was entered differs from what the forms take; None where it does not.

    It names the field and never what was entered: people say in forms what is nobody else's business.

    >>> age = FormField("age", "How old are you?", "choice", ("under 30", "30 or older"))
    >>> form_problem([age], {"age": "My name is Ann"})
    'form field age: the answer is none of its options'
    """
    known = {field.name: field for field in forms}
    for name, text in entered.items():
        field = known.get(name)
        if field is None:
            shown = repr(name) if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]!r}..."
            return f"form has a field {shown}, which the study does not ask"
        if field.kind == "choice" and text and text not in field.options:
            return f"form field {name}: the answer is none of its options"
        if field.kind == "number" and text and math.isnan(number_of(text)):
            return f"form field {name}: the answer is no number"
    return None


def check_forms(forms: Sequence[FormField]) -> None:
    """Raise GlimpseError for two fields of one name."""
    names = [field.name for field in forms]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise GlimpseError(f"two form fields are named {twice[0]!r}; each needs a name of its own.")
