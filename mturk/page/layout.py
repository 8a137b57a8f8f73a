"""How much room a page needs beside the images: for prompts and references, long questions, and scales."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .wording import columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from glimpse.context import ContextWhen
    from glimpse.questions import Question

# Heights in CSS pixels, as templates/page/hit.css has them.
PROMPT, LONG_PROMPT, REFERENCE = 76, 124, 160
_LINE, _SCALE = 33, 24
_LONG = 150  # columns
_COLUMN = 13  # the width of a letter of a question


@dataclass(frozen=True)
class PageLayout:
    """What a page has beside the images: a context, a question of `lines`, and buttons of a `scale`."""

    context_px: int
    lines: int
    scale: bool

    @property
    def taken_px(self) -> int:
        """How much higher a page is than one that asks a short choice and has no context."""
        return self.context_px + _LINE * (self.lines - 1) + _SCALE * self.scale


def layout(
    questions: Sequence[Question],
    prompts: Iterable[str] = (),
    references: bool = False,
    when: ContextWhen = "with",
    width: int = 600,
) -> PageLayout:
    """Return the layout of a study's pages, from all its prompts, and whether it has reference images.

    All pages of a study have the same: images stand where they stood in the trial before. `width` is that of
    an image.

    >>> from glimpse.questions import DEFAULT_QUESTION
    >>> layout([DEFAULT_QUESTION]).taken_px, layout([DEFAULT_QUESTION], ["A red cube"]).taken_px
    (0, 76)
    """
    room = [LONG_PROMPT if columns(text) > _LONG else PROMPT for text in prompts if text]
    context_px = max([*room, REFERENCE * references]) if when == "with" else 0
    wide = max(columns(question.text) for question in questions) * _COLUMN
    lines = math.ceil(wide / (2 * width + 60))
    return PageLayout(context_px, max(1, lines), any(question.kind.scale for question in questions))
