"""What a study says of its pages: their size and language, the consent, and where answers may go."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urlsplit

from glimpse.context import ContextWhen
from glimpse.errors import GlimpseError
from glimpse.language import SOURCE, Language, Wording, language

from ..design.limits import check_words
from .sizes import shown_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from glimpse.study import Stimulus

    from ..design.clip_sources import ClipSource
    from ..design.encoding import Source

Play = Literal["loop", "once"]
# What says nothing of images.
_OF_CLIPS = ("play", "again", "must_see_all")


@dataclass(frozen=True)
class PageSettings:
    """What a page looks like and where it may submit to.

    `consent` is the requester's own, in Markdown (see `consent`); empty: the language's, which names
    `institution`, `ethics` and `contact` where they are stated. `width` and `height` are the size of an image
    in CSS pixels, `least_width` how narrow pages may make it to fit a window (None: as the mode does, see
    `sizes`); `fixation_ms` is the time from a trial's start to the onset; `origins` are allowed targets
    of the submission beside MTurk's two and the page's own. `language` is a catalogue's code, `wording`
    replaces texts of it. `comment` asks for one at the end. `context_when` says whether prompts and
    references stand with the pair or are read before it.

    Of clips alone: `play` says whether a pair plays again and again or once; `again` lets people play it
    again where it plays once; `must_see_all` takes answers only after the first whole play.
    """

    width: int
    height: int
    fixation_ms: int
    origins: tuple[str, ...] = ()
    consent: str = ""
    language: str = SOURCE
    wording: Wording = field(default_factory=dict)
    institution: str = ""
    ethics: str = ""
    contact: str = ""
    comment: bool = False
    context_when: ContextWhen = "with"
    least_width: int | None = None
    play: Play = "loop"
    again: bool = False
    must_see_all: bool = False

    def words(self, *, clips: bool = False, single: bool = False) -> Language:
        """Return the words of the page, of images or of `clips`, of pairs or of a `single` one at a time;
        GlimpseError without such a catalogue.
        """
        return language(self.language, self.wording, clips=clips, single=single)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as study.json holds them: what says nothing is left out."""
        value = {one.name: (getattr(self, one.name), one) for one in fields(self)}
        said = {name: found for name, (found, one) in value.items() if found != _default(one)}
        return {**said, "origins": list(self.origins)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PageSettings:
        """Read what `to_json` wrote; GlimpseError for unknown and missing keys.

        Versions before 2 state a consent as its paragraphs.
        """
        known = {one.name: _default(one) for one in fields(cls)}
        needed = [name for name, usual in known.items() if usual is MISSING]
        if set(value) - set(known) or set(needed) - set(value):
            raise GlimpseError(
                f"page holds {', '.join(sorted(value))}; it needs {', '.join(needed)}, and may hold "
                f"{', '.join(sorted(set(known) - set(needed)))}."
            )
        consent = value.get("consent", "")
        consent = consent if isinstance(consent, str) else "\n\n".join(consent)
        return cls(**{**value, "consent": consent, "origins": tuple(value.get("origins", ()))})


def _default(one: Any) -> Any:
    return one.default_factory() if one.default_factory is not MISSING else one.default


def page_settings(
    images: Iterable[Stimulus | Source | ClipSource],
    *,
    display_width: int | None = None,
    display: str = "fixed",
    fixation_ms: int = 600,
    origins: Sequence[str] = (),
    taken_px: int = 0,
    abreast: int = 2,
    **said: Any,
) -> PageSettings:
    """Return the settings of a study's pages: images in the size that `sizes.shown_size` gives.

    `taken_px` is what stands above and below the images beside what always does (`layout.taken_px`): they
    are that much less high, and `abreast` stand beside each other. `said` are further fields of
    `PageSettings`. GlimpseError for words that no page
    can show, for an origin that is not scheme://host, and for numbers that no screen can show.
    """
    pixels = ((image.width, image.height) for image in images)
    size = shown_size(pixels, display_width, display, taken_px=taken_px, abreast=abreast)
    if not 300 <= fixation_ms <= 10_000:
        raise GlimpseError(
            f"fixation_ms is {fixation_ms}; allowed are 300 to 10000 (the page warms up in that time)."
        )
    for origin in origins:
        _check_origin(origin)
    settings = PageSettings(
        size.width, size.height, fixation_ms, tuple(origins), least_width=size.least_width, **said
    )
    _check(settings)
    return settings


def _check(settings: PageSettings) -> None:
    """Refuse words that no page can show, and choices that there are not."""
    for name in ("consent", "institution", "ethics", "contact"):
        if text := getattr(settings, name):
            check_words(f"--{name}", text)
    if settings.context_when not in get_args(ContextWhen):
        raise GlimpseError(
            f"context_when is {settings.context_when!r}; allowed are {', '.join(get_args(ContextWhen))}."
        )
    settings.words()
    if settings.play not in get_args(Play):
        raise GlimpseError(f"--play is {settings.play!r}; allowed are {', '.join(get_args(Play))}.")
    if settings.again and settings.play != "once":
        raise GlimpseError("--again has no effect on clips that loop; give --play once, or leave it out.")


def check_playing(settings: PageSettings, *, moving: bool, limited: bool) -> None:
    """Refuse what says nothing of a study's pairs: GlimpseError names the option and what it goes with."""
    for name in _OF_CLIPS:
        if getattr(settings, name) == PageSettings.__dataclass_fields__[name].default:
            continue
        option = "--" + name.replace("_", "-")
        if not moving:
            raise GlimpseError(f"{option} is for clips; this study has images. Leave it out.")
        if limited and name != "play":
            raise GlimpseError(
                f"{option} goes with unlimited time alone: an exposure ends by itself. Leave it out, or give "
                "--mode unlimited-time."
            )


def _check_origin(origin: str) -> None:
    """Refuse what is no scheme://host."""
    parts = urlsplit(origin)
    if (
        parts.scheme not in {"http", "https"}
        or not re.fullmatch(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?", parts.netloc, re.ASCII)
        or origin != f"{parts.scheme}://{parts.netloc}"
    ):
        raise GlimpseError(f"origin {origin!r} must be like https://example.org, without a path.")
