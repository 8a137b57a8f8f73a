"""A HIT's page and its question XML: rendered from the study, the same bytes each time.

Nothing here puts a condition, a side or a sentinel into the page; practice trials alone carry their answer.

What the page records of a trial, times in ms:
- `trial`, `side`; `response_ms` from the moment when answers were possible: the mask, or in unlimited time
  the images' onset; `onset_ms` on the page's own clock. Where a study asks more than one choice, `choices`
  and `response_ms` by question, each from the moment when it was asked.
- `shown_ms`, `frames`: from the animation callback that showed the images to the one that masked them; null
  in unlimited time, and where the page was closed during the exposure. `period_ms`, the refresh period
  counted with, where it is not the page's `refresh_hz`.
- `presented_ms`: the same time by Element Timing, where the browser has it.
- Of clips: `plays`, how often the pair was started; `skew_ms`, how much later the left clip began to move
  than the right one, of the play in which they were furthest apart, null where no frame tells; `dropped`,
  frames of both that were due and never drawn, null where the browser does not tell; `stalls`, how often a
  clip waited for data.
- `exposure_ms`, where the server decides exposures: what it told the page.
- `flags`: `late` (the callback after the onset came late), `long` (more frames than meant), `audit` (Element
  Timing says otherwise by more than a frame), `hidden`, `blur`, `resize` (during the exposure): these are
  shown again once at the end, `repeat` 1; and `reload` (answered after a reload, without a second look).
  Of clips `skew` (the two did not start in one refresh), `dropped` (more than 2 frames and 5 %), `stall`:
  shown again, too, unless people could look again by themselves, where clips loop or have the button.
Of the page: `missing`, trials whose images never arrived; `consented_at`; `form`, what was entered in forms,
by field; `comment`.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from glimpse.duration import hit_minutes
from glimpse.errors import GlimpseError
from glimpse.experiment import shorter
from glimpse.questions import is_plain
from glimpse.text import environment, template_text

from ..design.limits import QUESTION_BYTES, unsendable
from .consent import consent_html
from .data import is_single, page_data, study_layout, study_words
from .settings import PageSettings
from .wording import buttons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glimpse.study import Study

ON_DISK = "../images/"
# The script, templates/page/<part>.js, in the order in which it runs. Some parts only some studies need:
# these have a style, too, and what they define replaces what the others have in its place.
_SCRIPT = ("trials", "refresh", "progress", "state", "screen", "images", "trial", "end", "tab", "input")
_OPTIONAL = ("several", "single", "context", "forms", "clips", "stairs")
_START = "start"
_TEXT = r"""('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)"""
_SPACED = r" *([\[\](){},;:?=<>*/&|!%]) *|(?<![-+]) ([-+]) (?![-+])"


def page_html(study: Study, hit_name: str, image_base_url: str = ON_DISK) -> str:
    """Return the page of one HIT; its images are at `image_base_url` + file name."""
    settings = PageSettings.from_json(study.page_settings)
    words, experiment = study_words(study, settings), study.experiment
    data = page_data(study, study.hit(hit_name).hit, image_base_url)
    practice, parts, roomy = len(data["p"]), _parts(study, data), study_layout(study, settings).roomy
    forms = {when: [one for one in study.forms if one.when == when] for when in ("before", "after")}
    return environment().get_template("page/hit.html.j2").render(
        title=study.title,
        lang=words.code,
        dir=words.dir,
        say=words.say,
        html=words.html,
        questions=[(question, buttons(question, words)) for question in experiment.questions],
        plain=is_plain(experiment.questions),
        single=is_single(study),
        consent=consent_html(
            settings, words, experiment.questions, forms=bool(study.forms), clips=study.moving
        ),
        context=_context(data),
        forms=forms,
        comment=settings.comment,
        clips=settings if study.moving else None,
        limited=experiment.mode == "limited-time",
        trials=len(study.trials_of(hit_name)) - practice,
        practice=practice,
        minutes=hit_minutes(study, hit_name),
        allotted=experiment.time_allotted_minutes,
        css=_style(*(["roomy"] * roomy), *parts),
        js=_script(*parts),
        data=Markup(_script_json(data)),  # noqa: S704 - escaped
    )  # fmt: skip


def _parts(study: Study, data: Mapping[str, Any]) -> list[str]:
    """Return the optional parts of the script that a page needs."""
    forms = bool(study.forms or study.page_settings.get("comment"))
    needed = {"several": "q" in data, "single": "S" in data, "context": "c" in data}
    needed |= {"forms": forms, "clips": "C" in data, "stairs": "D" in data}
    return [part for part in _OPTIONAL if needed[part]]


def _context(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the contexts of a page are, for its template; None without any."""
    if "c" not in data:
        return None
    texts, images = (any(one[place] for one in data["c"]) for place in (0, 1))
    kind = "both" if texts and images else "text" if texts else "image"
    return {"kind": kind, "before": "z" in data, "texts": texts, "images": images}


def question_xml(study: Study, hit_name: str, image_base_url: str, most: int = QUESTION_BYTES) -> str:
    """Return the question of one HIT: its page as it was frozen, with its images at `image_base_url`.

    GlimpseError when it has more than `most` bytes, or Mechanical Turk would not take a character of it.
    """
    page = study.page_path(hit_name).read_bytes().decode() if study.folder else page_html(study, hit_name)
    here, there = (f',"b":{_script_json(base)},"x":' for base in (ON_DISK, image_base_url))
    xml = html_question(page.replace(here, there, 1))
    if code := unsendable(xml):
        raise GlimpseError(
            f"HIT {hit_name}: its page holds the character {code}, which no question can hold."
        )
    size = len(xml.encode())
    if size > most:
        who = "Mechanical Turk allows" if most == QUESTION_BYTES else "your own server takes"
        raise GlimpseError(f"HIT {hit_name} makes a question of {size} bytes; {who} {most}. {smaller(study)}")
    return xml


def smaller(study: Study) -> str:
    """Say what makes a study's questions smaller."""
    return (
        f"Use fewer trials a HIT ({shorter(study.experiment)} of build-hits) and more HITs "
        "(--hits-per-batch), or shorter prompts."
    )


def image_base(question: str) -> str | None:
    """Return where the page in a question finds its images; None for a question that is not ours."""
    found = re.search(r',"b":("(?:[^"\\]|\\.)*"),"x":', question)
    return str(json.loads(found[1])) if found else None


def template_sha256() -> str:
    """Return the digest of what every page is made from: layout, script and style."""
    layout = (template_text(f"page/{name}.html.j2") for name in ("hit", "parts"))
    parts = (*layout, _script(*_OPTIONAL), _style("roomy", *_OPTIONAL))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def html_question(page: str) -> str:
    """Return a page as MTurk's HTMLQuestion (2011-11-11); the frame fills the window."""
    namespace = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/HTMLQuestion.xsd"
    content = page.replace("]]>", "]]]]><![CDATA[>")
    return (
        f'<HTMLQuestion xmlns="{namespace}"><HTMLContent><![CDATA[{content}]]></HTMLContent>'
        "<FrameHeight>0</FrameHeight></HTMLQuestion>"
    )


def _script_json(value: Mapping[str, Any] | str) -> str:
    """Return JSON that may stand inside a script element."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


@cache
def _script(*optional: str) -> Markup:
    """Return the page's parts as one script, without comments and needless white space.

    `optional` are the names of parts that only some pages need. Every statement ends in a semicolon or a
    brace, so that no line break is needed.
    """
    source = "\n".join(template_text(f"page/{part}.js") for part in (*_SCRIPT, *optional, _START))
    lines = [line for line in source.splitlines() if line and not line.lstrip().startswith("//")]
    joined = " ".join(line.strip() for line in lines)
    # Texts stay as they are; `a + ++b` needs its spaces.
    compact = re.sub(rf"{_TEXT}|{_SPACED}", lambda found: found[1] or found[2] or found[3], joined)
    compact = re.sub(r",(?=[\])}])|;(?=})", "", compact)
    return Markup(f"(()=>{{'use strict';{compact}}})();")  # noqa: S704 - our own files


@cache
def _style(*optional: str) -> Markup:
    """Return the page's style, with that of optional parts, without comments and needless white space."""
    source = "\n".join(template_text(f"page/{part}.css") for part in ("hit", *optional))
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    source = re.sub(r"\s+", " ", source)
    compact = re.sub(r" ?([{};,]) ?", r"\1", source).replace(": ", ":").replace(";}", "}").strip()
    return Markup(compact)  # noqa: S704 - our own files
