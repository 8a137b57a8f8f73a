"""What stands with a trial: the prompt that its images were made from, a reference image, or both."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from glimpse.errors import GlimpseError

ContextWhen = Literal["with", "before"]
LONGEST_CONTEXT = 10_000


@dataclass(frozen=True)
class Context:
    """The context of one item: `text`, and the opaque id of a reference image; either may be empty.

    The image is one of the study's stimuli (`Study.stimuli`). GlimpseError where both are empty, or the text
    is longer than LONGEST_CONTEXT characters.
    """

    text: str = ""
    image: str = ""

    def __post_init__(self) -> None:
        """Refuse a context that shows nothing, or more than a page can."""
        if not self.text.strip() and not self.image:
            raise GlimpseError("a context has neither text nor image.")
        if len(self.text) > LONGEST_CONTEXT:
            raise GlimpseError(
                f"a context has {len(self.text)} characters; at most {LONGEST_CONTEXT} can be shown."
            )

    def to_json(self) -> dict[str, str]:
        """Return the context as study.json holds it."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, value: Any) -> Context:
        """Read what `to_json` wrote; GlimpseError for unknown keys and values of a wrong kind."""
        if (
            not isinstance(value, dict)
            or set(value) - {"text", "image"}
            or not all(isinstance(text, str) for text in value.values())
        ):
            raise GlimpseError(f"a context is {str(value)[:60]}; it may have text and image, both texts.")
        return cls(**value)
