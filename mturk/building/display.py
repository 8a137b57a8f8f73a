"""What the trials of a study show beside each other: their images, and the contexts that stand with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from glimpse.context import Context

from ..design.context import REFERENCE, Contexts
from ..design.stimuli import Images, Key, Pair, inspect_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glimpse.trials import Trial

    from ..design.encoding import Source


@dataclass(frozen=True)
class Display:
    """Trials whose stimuli have no names yet, with the images and the contexts that they are made of."""

    images: Images
    rows: Sequence[Trial]
    contexts: Contexts
    pool: Sequence[Pair] = ()

    @property
    def pairs(self) -> list[Pair]:
        """The images of each trial, left and right; then those of the `pool`, which a server may draw.

        The only image of a trial is on both sides.
        """
        rows = [
            (
                (row.condition_left, row.item_left),
                (row.condition_left, row.item_left) if row.single else (row.condition_right, row.item_right),
            )
            for row in self.rows
        ]
        return [*rows, *self.pool]

    @property
    def abreast(self) -> int:
        """How many images stand beside each other."""
        return 1 if any(row.single for row in self.rows) else 2

    @cached_property
    def prompts(self) -> dict[str, str]:
        """The text of each item whose context is shown; empty where contexts are images alone."""
        drawn = {left[1] for left, _ in self.pool} if self.contexts else set()
        items = sorted({row.context for row in self.rows} - {""} | drawn)
        return {item: self.contexts.text(item) for item in items}

    def references(self) -> dict[Key, Source]:
        """Look at the reference images that are shown, each under (REFERENCE, item)."""
        keys = [(REFERENCE, item) for item in self.prompts] if self.contexts.images else []
        return inspect_all(self.contexts.beside(self.images), [(key, key) for key in keys]) if keys else {}

    def stated(self, names: Mapping[Key, str]) -> dict[str, Context]:
        """Return the contexts by item as a study has them: references under their opaque names."""
        return {item: Context(text, names.get((REFERENCE, item), "")) for item, text in self.prompts.items()}

    def named(self, names: Mapping[Key, str]) -> tuple[Trial, ...]:
        """Return the trials, their stimuli under their opaque names."""
        return tuple(
            row._replace(stimulus_left=names[left], stimulus_right="" if row.single else names[right])
            for row, (left, right) in zip(self.rows, self.pairs, strict=False)
        )
