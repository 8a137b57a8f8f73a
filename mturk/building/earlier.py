"""What a study keeps of an earlier one that it adds conditions to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..design.stimuli import Key


@dataclass(frozen=True)
class Earlier:
    """What a study keeps of the one that it extends: the key of the opaque names, and these names."""

    folder: Path
    secret: str
    names: Mapping[Key, str]

    def check(self, names: Mapping[Key, str]) -> None:
        """Raise GlimpseError where a file is another one than before: answers about it cannot be pooled."""
        changed = [key for key, name in self.names.items() if names.get(key, name) != name]
        if changed:
            condition, item = changed[0]
            raise GlimpseError(
                f"{len(changed)} files are not those of {self.folder}, the first {condition}/{item}. "
                "A study is extended with the same files: restore them, or build one without --extend."
            )
