"""A HIT's page and its question XML: rendered from the study, the same bytes each time.

Nothing here puts a condition, a side or a sentinel into the page; practice trials alone carry their answer.

What the page records of a trial, times in ms:
- `trial`, `side`; `response_ms` from the moment when answers were possible: the mask, or in unlimited time
  the images' onset; `onset_ms` on the page's own clock.
- `shown_ms`, `frames`: from the animation callback that showed the images to the one that masked them; null
  in unlimited time, and where the page was closed during the exposure. `period_ms`, the refresh period
  counted with, where it is not the page's `refresh_hz`.
- `presented_ms`: the same time by Element Timing, where the browser has it.
- `flags`: `late` (the callback after the onset came late), `long` (more frames than meant), `audit` (Element
  Timing says otherwise by more than a frame), `hidden`, `blur`, `resize` (during the exposure): these are
  shown again once at the end, `repeat` 1; and `reload` (answered after a reload, without a second look).
Of the page: `missing`, trials whose images never arrived.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from markupsafe import Markup

from glimpse.duration import hit_minutes
from glimpse.errors import GlimpseError
from glimpse.questions import REALISM
from glimpse.text import environment, template_text

from ..design.limits import QUESTION_BYTES, check_words, unsendable
from ..design.stimuli import ID_LENGTH
from .sizes import shown_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from glimpse.study import Stimulus, Study
    from glimpse.trials import Trial

    from ..design.encoding import Source

ON_DISK = "../images/"
MTURK_ORIGINS = ("https://www.mturk.com", "https://workersandbox.mturk.com")
# The same of a pair that is no longer on the screen; another question is asked in its own words.
_ASKED_LATER = {REALISM: "Which image looked more realistic?"}
CONSENT = (
    (
        "You will see pairs of images side by side. For each pair, choose the image that looks more "
        "realistic. There are no known risks. Taking part is voluntary, and you may stop at any time by "
        "closing the page."
    ),
    (
        "We record, under a pseudonym, your choices and their timing, your browser's name, the size of its "
        "window, your screen's refresh rate and pixel ratio, and how often you leave the page. These data "
        "are used for research only and published only in summary."
    ),
)
# The page's script, templates/page/<part>.js, in the order in which it runs.
_SCRIPT = ("trials", "refresh", "progress", "state", "screen", "images", "trial", "end", "tab", "input")
_TEXT = r"""('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)"""
_SPACED = r" *([\[\](){},;:?=<>*/&|!%]) *|(?<![-+]) ([-+]) (?![-+])"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class PageSettings:
    """What a page looks like and where it may submit to.

    `width` and `height` are the size of an image in CSS pixels, `least_width` how narrow pages may make it
    to fit a window (None: as the mode does, see `sizes`); `fixation_ms` is the time from a trial's
    start to the onset; `origins` are allowed targets of the submission beside MTurk's two and the page's own.
    """

    consent: tuple[str, ...]
    width: int
    height: int
    fixation_ms: int
    origins: tuple[str, ...]
    least_width: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the settings as study.json holds them; what says nothing is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PageSettings:
        """Read what `to_json` wrote; GlimpseError for unknown and missing keys."""
        names = {field.name for field in fields(cls)}
        if not names - {"least_width"} <= set(value) <= names:
            raise GlimpseError(f"page holds {', '.join(sorted(value))}; expected {', '.join(sorted(names))}.")
        return cls(**{**value, "consent": tuple(value["consent"]), "origins": tuple(value["origins"])})


def page_settings(
    images: Iterable[Stimulus | Source],
    *,
    consent: Sequence[str] = CONSENT,
    display_width: int | None = None,
    display: str = "fixed",
    fixation_ms: int = 600,
    origins: Sequence[str] = (),
) -> PageSettings:
    """Return the settings of a study's pages: images in the size that `sizes.shown_size` gives.

    GlimpseError for words that no page can show, for an origin that is not scheme://host, and for numbers
    that no screen can show.
    """
    check_words("--consent", "\n".join(consent))
    size = shown_size(((image.width, image.height) for image in images), display_width, display)
    if not 300 <= fixation_ms <= 10_000:
        raise GlimpseError(
            f"fixation_ms is {fixation_ms}; allowed are 300 to 10000 (the page warms up in that time)."
        )
    for origin in origins:
        parts = urlsplit(origin)
        if (
            parts.scheme not in {"http", "https"}
            or not parts.netloc
            or origin != f"{parts.scheme}://{parts.netloc}"
        ):
            raise GlimpseError(f"origin {origin!r} must be like https://example.org, without a path.")
    shown = size.width, size.height, fixation_ms, tuple(origins), size.least_width
    return PageSettings(tuple(consent), *shown)


def page_html(study: Study, hit_name: str, image_base_url: str = ON_DISK) -> str:
    """Return the page of one HIT; its images are at `image_base_url` + file name."""
    settings = PageSettings.from_json(study.page_settings)
    trials = study.trials_of(study.hit(hit_name).hit)
    practice = [trial for trial in trials if trial.practice]
    question = study.experiment.questions[0].text
    template = environment().get_template("page/hit.html.j2")
    return template.render(
        title=study.title,
        question=question,
        asked_later=_ASKED_LATER.get(question, question),
        consent=settings.consent,
        limited=study.experiment.mode == "limited-time",
        trials=len(trials) - len(practice),
        practice=len(practice),
        minutes=hit_minutes(study, hit_name),
        allotted=study.experiment.time_allotted_minutes,
        css=_style(),
        js=_script(),
        data=Markup(_script_json(page_data(study, hit_name, image_base_url))),  # noqa: S704 - escaped
    )


def page_data(study: Study, hit_name: str, image_base_url: str) -> dict[str, Any]:
    """Return what the page's script reads; keys are short, since MTurk limits the size.

    s study, h HIT, b base of image addresses, x file endings, e exposures in ms (empty: unlimited), n and d
    number of the first trial and its digits, t the trials in 42 characters each, p the practice trials'
    correct sides, w and H the size shown, l the share of it to which it may shrink (absent: as the mode has
    it), f fixation in ms, k trials between breaks, o origins.
    """
    settings = PageSettings.from_json(study.page_settings)
    trials = study.trials_of(hit_name)
    exposures = _exposures(study)
    endings = sorted({_ending(stimulus.file) for stimulus in study.stimuli.values()})
    return {
        "s": study.study,
        "h": hit_name,
        "b": image_base_url,
        "x": endings,
        "e": exposures,
        "n": int(trials[0].trial[1:]),
        "d": len(trials[0].trial) - 1,
        "t": "".join(_packed(trial, study, exposures, endings) for trial in trials),
        "p": "".join("L" if trial.correct_side == "left" else "R" for trial in trials if trial.practice),
        "w": settings.width,
        "H": settings.height,
        **({"l": settings.least_width / settings.width} if settings.least_width else {}),
        "f": settings.fixation_ms,
        "k": study.experiment.break_every,
        "o": [*MTURK_ORIGINS, *settings.origins],
    }


def question_xml(study: Study, hit_name: str, image_base_url: str) -> str:
    """Return the question of one HIT: its page as it was frozen, with its images at `image_base_url`.

    GlimpseError when Mechanical Turk would not take it.
    """
    page = study.page_path(hit_name).read_bytes().decode() if study.folder else page_html(study, hit_name)
    here, there = (f',"b":{_script_json(base)},"x":' for base in (ON_DISK, image_base_url))
    xml = html_question(page.replace(here, there, 1))
    if code := unsendable(xml):
        raise GlimpseError(
            f"HIT {hit_name}: its page holds the character {code}, which no question can hold."
        )
    size = len(xml.encode())
    if size > QUESTION_BYTES:
        raise GlimpseError(
            f"HIT {hit_name} makes a question of {size} bytes; Mechanical Turk allows {QUESTION_BYTES}. Use "
            "fewer trials a HIT (--trials-per-cell of build-hits) and more HITs (--hits-per-batch)."
        )
    return xml


def image_base(question: str) -> str | None:
    """Return where the page in a question finds its images; None for a question that is not ours."""
    found = re.search(r',"b":("(?:[^"\\]|\\.)*"),"x":', question)
    return str(json.loads(found[1])) if found else None


def template_sha256() -> str:
    """Return the digest of what every page is made from: layout, script and style."""
    return hashlib.sha256(
        "\0".join((template_text("page/hit.html.j2"), _script(), _style())).encode()
    ).hexdigest()


def html_question(page: str) -> str:
    """Return a page as MTurk's HTMLQuestion (2011-11-11); the frame fills the window."""
    namespace = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/HTMLQuestion.xsd"
    content = page.replace("]]>", "]]]]><![CDATA[>")
    return (
        f'<HTMLQuestion xmlns="{namespace}"><HTMLContent><![CDATA[{content}]]></HTMLContent>'
        "<FrameHeight>0</FrameHeight></HTMLQuestion>"
    )


def _exposures(study: Study) -> list[int]:
    """Return the exposures that occur; GlimpseError when they are more than a trial's one digit can tell."""
    values = sorted({int(trial.exposure_ms) for trial in study.trials if trial.exposure_ms is not None})
    if len(values) > len(_DIGITS):
        raise GlimpseError(
            f"--exposure-ms: the study has {len(values)} exposures; a page holds 1 to {len(_DIGITS)}."
        )
    return values


def _packed(trial: Trial, study: Study, exposures: Sequence[int], endings: Sequence[str]) -> str:
    """Return a trial in 42 characters: two names, the exposure's number, the file endings' number."""
    files = [study.stimuli[name].file for name in (trial.stimulus_left, trial.stimulus_right)]
    left, right = (endings.index(_ending(file)) for file in files)
    exposure = exposures.index(trial.exposure_ms) if trial.exposure_ms is not None else 0
    if any(len(file) - len(_ending(file)) != ID_LENGTH for file in files):
        raise GlimpseError(f"trial {trial.trial} cannot be packed: a name is not {ID_LENGTH} long.")
    return (
        trial.stimulus_left + trial.stimulus_right + _DIGITS[exposure] + _DIGITS[left * len(endings) + right]
    )


def _ending(file: str) -> str:
    return file[file.rindex(".") :]


def _script_json(value: Mapping[str, Any] | str) -> str:
    """Return JSON that may stand inside a script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


@cache
def _script() -> Markup:
    """Return the page's parts as one script, without comments and needless white space.

    Every statement ends in a semicolon or a brace, so that no line break is needed.
    """
    source = "\n".join(template_text(f"page/{part}.js") for part in _SCRIPT)
    lines = [line for line in source.splitlines() if line and not line.lstrip().startswith("//")]
    joined = " ".join(line.strip() for line in lines)
    # Texts stay as they are; `a + ++b` needs its spaces.
    compact = re.sub(rf"{_TEXT}|{_SPACED}", lambda found: found[1] or found[2] or found[3], joined)
    compact = re.sub(r",(?=[\])}])|;(?=})", "", compact)
    return Markup(f"(()=>{{'use strict';{compact}}})();")  # noqa: S704 - our own files


@cache
def _style() -> Markup:
    """Return the page's style without comments and needless white space."""
    source = re.sub(r"/\*.*?\*/", "", template_text("page/hit.css"), flags=re.DOTALL)
    source = re.sub(r"\s+", " ", source)
    compact = re.sub(r" ?([{};,]) ?", r"\1", source).replace(": ", ":").replace(";}", "}").strip()
    return Markup(compact)  # noqa: S704 - our own file
