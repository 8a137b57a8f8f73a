"""How much room a page needs beside the images: for prompts and references, long questions, and scales."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.questions import is_plain

from .wording import columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from glimpse.context import ContextWhen
    from glimpse.questions import Question

# Heights in CSS pixels, as templates/page/hit.css has them.
PROMPT, LONG_PROMPT, REFERENCE = 66, 118, 160
_LINE, _SCALE, _AGAIN = 33, 24, 54
_SAVED = 42  # templates/page/roomy.css leaves less free around the images
_WIDTH = 900  # of a page with small images
_LONG = 150  # columns
_COLUMN = 13  # the width of a letter of a question


@dataclass(frozen=True)
class PageLayout:
    """What a page has beside the images: a context, a question of `lines`, and buttons of a `scale`.

    `again` is the button that plays clips again. `roomy` pages leave less free around the images, and are as
    wide as their texts need.
    """

    context_px: int
    lines: int
    scale: bool
    roomy: bool
    again: bool = False

    @property
    def taken_px(self) -> int:
        """How much higher a page is than one that asks a short choice and has no context."""
        taken = self.context_px + _LINE * (self.lines - 1) + _SCALE * self.scale + _AGAIN * self.again
        return max(0, taken - _SAVED) if self.roomy else taken


def layout(
    questions: Sequence[Question],
    prompts: Iterable[str] = (),
    references: bool = False,
    when: ContextWhen = "with",
    width: int = 600,
    *,
    again: bool = False,
    abreast: int = 2,
) -> PageLayout:
    """Return the layout of a study's pages, from all its prompts, and whether it has reference images.

    All pages of a study have the same: images stand where they stood in the trial before. `width` is that of
    an image, of which `abreast` stand beside each other; `again` says whether clips can be played again.

    >>> from glimpse.questions import DEFAULT_QUESTION
    >>> layout([DEFAULT_QUESTION]).taken_px, layout([DEFAULT_QUESTION], ["A red cube"]).taken_px
    (0, 24)
    """
    room = [LONG_PROMPT if columns(text) > _LONG else PROMPT for text in prompts if text]
    context_px = max([*room, REFERENCE * references]) if when == "with" else 0
    wide = max(columns(question.text) for question in questions) * _COLUMN
    roomy = bool(room or references or not is_plain(questions))
    lines = math.ceil(wide / max(abreast * width + 60, _WIDTH * roomy))
    scale = any(question.kind.scale for question in questions)
    return PageLayout(context_px, max(1, lines), scale, roomy, again)
