"""What a study file may say, each with the option of build-hits that says the same: one list for both.

The options, the reader of study files, their writer and its comments all follow from `FIELDS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from glimpse.context import ContextWhen
from glimpse.experiment import MODES, PRESETS, TASKS, preset
from glimpse.language import SOURCE, codes
from glimpse.questions import KINDS

from .contrasts import CONTRAST_WORDS
from .encoding import ENCODINGS

PLAYS = ("loop", "once")  # how clips play; see `page.settings.Play`
# Kinds whose values are paths; a place is either of the two, places are several.
PATHS = {"file", "folder", "place", "places"}
# The parts of a study file, in the order in which they are written, and what each of them says.
SECTIONS = {
    "": "",
    "questions": (
        "What is asked of each pair, one after the other. "
        f"answer is {', '.join(KINDS)}; a list of labels replaces the answers' words."
    ),
    "context": "What stands with each pair: the prompt or the reference that both sides were made from.",
    "design": "Which images or clips meet, and how often.",
    "sentinels": "Trials with a known answer, by which careless answers are found.",
    "people": "Who answers, for what, and whom they can ask.",
    "page": "What the page says and looks like.",
    "form": (
        "What participants are asked of themselves, before or after the trials. "
        "kind is choice, number or text; a field may stay empty if it says so (required = false)."
    ),
}


@dataclass(frozen=True)
class StudyField:
    """One thing that a study file and an option say.

    `section` and `key` are its place in the file, `name` the option's parameter, `kind` how its value is
    read (see `study_file`). `usual` says in words what holds without it; `example` is a value as a file shows
    it where nothing is stated.
    """

    section: str
    key: str
    kind: str
    help: str
    usual: str
    example: str
    name: str
    option: str
    allowed: tuple[str, ...] = ()
    metavar: str | None = None


def _field(section: str, key: str, kind: str, help: str, usual: str, **other: object) -> StudyField:  # noqa: A002
    """Return a field; unless others are given, option and example are the key and what is usual."""
    option = str(other.pop("option", "--" + key.replace("_", "-")))
    name = str(other.pop("name", option.removeprefix("--").replace("-", "_")))
    example = str(other.pop("example", f'"{usual}"'))
    return StudyField(section, key, kind, help, usual, example, name, option, **other)  # type: ignore[arg-type]


def _count(section: str, key: str, name: str, help: str) -> StudyField:  # noqa: A002 - as above
    """Return the field of a number of the experiment, whose default may depend on the mode."""
    limited, unlimited = (str(getattr(preset(mode), name)) for mode in MODES)
    usual = limited if limited == unlimited else f"{limited} limited-time, {unlimited} unlimited-time"
    kind, example = ("amount", f'"{limited}"') if name == "reward_usd" else ("whole", limited)
    return _field(section, key, kind, help, usual, option="--" + name.replace("_", "-"), example=example)


def _stair(key: str, help: str, usual: int) -> StudyField:  # noqa: A002 - as above
    """Return the field of a number of the staircase."""
    return _field("design", f"staircase_{key}", "whole", f"Staircase: {help}", f"{usual}", name=key,
                  example=f"{usual}")  # fmt: skip


_STAIRS = (
    _stair("start_ms", "exposure that opens each block.", 500),
    _stair("least_ms", "shortest exposure.", 100),
    _stair("most_ms", "longest exposure.", 1000),
    _stair("longer_ms", "how much longer the next exposure is after a wrong answer.", 10),
    _stair("shorter_ms", "how much shorter it is after right answers in a row.", 30),
    _stair("rights", "how many right answers in a row that takes.", 3),
    _field("design", "feedback", "flag", "Staircase: tell after each answer whether it was right.",
           "no; yes with --preset hype-time", example="true"),
)  # fmt: skip

# fmt: off
FIELDS = (
    _field("", "title", "text", "Title that participants see.", "the first question",
           example='"Which picture is better?"'),
    _field("", "description", "text", "One sentence for the list of HITs.", "a general one",
           example='"Look at pairs of pictures and choose the better one."'),
    _field("", "mode", "word", "Each pair for one of several exposures, or until the answer.",
           "limited-time", allowed=MODES),
    _field("", "preset", "word",
           "Which defaults: Glimpse's own, the paper's, or those of the authors' files; of one image at a "
           "time those of HYPE.", "glimpse",
           name="preset_name", allowed=PRESETS),
    _field("", "task", "word",
           "What a trial shows: pairs of images or clips, or a single one: real or generated?", "pairs",
           allowed=TASKS),
    _field("", "images", "folder", "Folder of condition folders.", "images"),
    _field("", "real", "text", 'The condition of real photographs or recordings; "": nothing is one.',
           "real, if there is one", example='"real"', metavar="NAME"),
    _field("", "seed", "whole", "Same seed, same files: same study.", "0", example="0"),
    _field("", "encode", "word",
           "Images: auto keeps the files' encoding if all share one and nothing must change, else PNG. "
           "Clips: auto and mp4 are H.264, webm is VP9; keep only packs them anew.", "auto",
           name="encoding", allowed=(*ENCODINGS, "mp4", "webm")),
    _field("", "check", "word",
           "Which images or clips are looked at: those that trials show, or all; auto: all, up to 5000.",
           "auto", allowed=("auto", "all", "drawn")),
    _field("", "pixel_ratio", "number",
           "Pixels kept of an image or clip for each CSS pixel shown; larger ones are scaled down. --encode "
           "keep scales none.", "2", example="2"),
    _field("", "frame_rate", "number", "Clips: frames a second of all.",
           "that of the clips, the highest where they differ", example="25"),
    _field("", "clip_seconds", "number", "Clips: cut all to this length at most.", "whole clips",
           example="4.0"),
    _field("", "trim", "flag", "Clips: cut those that are shown together to the shortest of them.",
           "no: pairs of different lengths are refused", example="true"),
    _field("", "allow_missing", "flag", "Leave out items that not every condition has.", "no",
           example="false"),
    _field("questions", "", "questions",
           f"Ask a question (repeatable); KIND is {', '.join(KINDS)}; labels replace the answers' words.",
           "--question alone", name="asked", option="--ask", metavar="NAME:KIND:TEXT[|LABEL...]",
           example='name = "quality"\ntext = "Which picture looks better?"\nanswer = "choice"'),
    _field("context", "text", "place",
           "Prompts by item: a table item,text; a metadata.jsonl; or a folder of .txt files.", "none",
           option="--context-text", example='"prompts.csv"'),
    _field("context", "image", "folder", "Folder of reference images, named as the items.", "none",
           option="--context-image", example='"references"'),
    _field("context", "when", "word", "Shown with the pair, or read before it.", "with",
           option="--context-when", allowed=get_args(ContextWhen)),
    _field("design", "contrasts", "contrasts",
           f"Compare two conditions (repeatable); or, for many, {', '.join(CONTRAST_WORDS)}.",
           "every pair but the sentinel's; unlimited-time: --ours with each baseline", name="contrasts",
           option="--contrast", metavar="A:B", example='"all"'),
    _field("design", "ours", "text", "Compare NAME with each baseline.", "crn, if there is one",
           metavar="NAME", example='"mine"'),
    _field("design", "baselines", "texts",
           "A baseline; in unlimited time with a batch of its own (repeatable).", "all other conditions",
           name="baselines", option="--baseline", metavar="NAME",
           example='["theirs"]'),
    _field("design", "conditions", "texts",
           "One image at a time: show this condition beside the real one (repeatable).",
           "all but the sentinel's", name="shown", option="--condition", metavar="NAME",
           example='["mine", "theirs"]'),
    _field("design", "real_share", "number", "One image at a time: the share of real images.", "0.5",
           example="0.5"),
    _field("design", "systems_apart", "flag",
           "One image at a time: nobody sees two generated conditions; each has HITs of its own.",
           "no; yes with the presets of HYPE", example="true"),
    _field("design", "blocks", "whole",
           "One image at a time: blocks of a HIT's trials, each with as many of every condition and "
           "exposure.", "1", example="1"),
    _field("design", "exposures_ms", "wholes", "Limited-time: an exposure (repeatable).",
           "125 250 500 1000 2000 4000 8000", name="exposures_ms", option="--exposure-ms",
           example="[125, 250, 500, 1000, 2000, 4000, 8000]"),
    _field("design", "pairing", "word", "How scenes are paired.",
           "random; same-item with prompts, references, or --preset authors", example='"same-item"',
           allowed=("random", "same-item")),
    _field("design", "scenes", "word", "How scenes are drawn.", "without-replacement",
           allowed=("without-replacement", "with-replacement")),
    _field("design", "sides", "word", "How sides are assigned.", "balanced", allowed=("balanced", "random")),
    _count("design", "hits_per_batch", "hits_per_batch", "HITs per batch."),
    _count("design", "trials_per_cell", "trials_per_cell", "Trials of each cell in a HIT."),
    _field("design", "trials_per_hit", "whole",
           "Trials of a HIT, sentinels and practice too: cells are spread over HITs, each equally often.",
           "every cell in each HIT; spread where that takes longer than the time allotted", name="hit_trials",
           option="--trials-per-hit", example="60"),
    _field("design", "allocation", "word",
           "fixed: trials are planned; adaptive: one's own server draws each assignment's, where the ranking "
           "is least known, above all at its top; staircase: it decides how long a single image is shown.",
           "fixed", allowed=("fixed", "adaptive", "staircase")),
    _field("design", "first", "whole",
           "With adaptive: draw what tells this many leading conditions apart, from each other and from the "
           "next, at the cost of the rest.",
           "all, the first most of all", example="3"),
    *_STAIRS,
    _count("design", "practice_trials", "practice_trials",
           "Practice trials with feedback, before the HIT's own."),
    _field("design", "stop_when", "text",
           "When the study may stop before its places are filled: excludes-chance, or width=0.10, in every "
           "contrast at the longest exposure; add contrast=A:B, exposure=MS or level=0.99 for others. status "
           "tells.", "none", metavar="RULE", example='"width=0.10"'),
    _field("design", "from_hits", "file",
           "Take the design from a HIT file of the CRN's authors or of AMT_Real_vs_Fake.", "none",
           example='"hits.csv"'),
    _field("sentinels", "condition", "text", "Condition to pair with the real one in sentinels.",
           "image-space, if there is one", option="--sentinel", metavar="NAME", example='"image-space"'),
    _field("sentinels", "file", "file",
           "Table left,right,correct of trials with known answers, condition/item on either side; "
           "of one image at a time image,correct.", "none",
           option="--sentinel-file", example='"sentinels.csv"'),
    _field("sentinels", "keep_sides", "flag", "Show the pairs of --sentinel-file on the sides that it says.",
           "no: sides are balanced", option="--sentinel-keep-sides", example="true"),
    _field("sentinels", "mismatch", "flag",
           "Sentinels show what was made for an item beside that of another, under the first one's prompt.",
           "no", option="--sentinel-mismatch", example="true"),
    _field("sentinels", "question", "text", "Name of the question whose answer is known.", "the first one",
           option="--sentinel-question", metavar="NAME", example='"quality"'),
    _count("sentinels", "per_hit", "sentinels_per_hit", "Sentinels per HIT."),
    _field("sentinels", "exposure_ms", "whole", "Limited-time: exposure of the sentinels.",
           "drawn from the exposures of 1 s and more; 4000 with --preset paper or authors",
           option="--sentinel-exposure-ms", example="4000"),
    _count("sentinels", "max_in_a_row", "max_sentinels_in_a_row", "Longest run of sentinels."),
    _count("sentinels", "max_wrong", "max_wrong_sentinels",
           "Exclude assignments with more wrong sentinels than this; must be below --sentinels-per-hit."),
    _count("people", "workers_per_hit", "workers_per_hit", "Distinct workers per HIT."),
    _count("people", "reward", "reward_usd",
           "Reward of an assignment in dollars; 0 for volunteers and course credit."),
    _count("people", "minutes_allotted", "time_allotted_minutes", "Time a worker has for a HIT, in minutes."),
    _field("people", "least_hourly", "amount", "Warn where the reward is less than this, in dollars an hour.",
           "8.00", metavar="AMOUNT"),
    _field("people", "exclude", "places",
           "Keep out who took part in an earlier study: its folder of results, the study's folder, or a "
           "workers.csv (repeatable).", "nobody", metavar="FOLDER", example='["pilot/"]'),
    _field("people", "contact", "text", "Whom participants can ask: an e-mail address, for example.",
           "nobody", example='"study@example.org"'),
    _field("people", "institution", "text", "Who does the study, for the consent.", "not said",
           example='"University of Somewhere"'),
    _field("people", "ethics", "text", "Which ethics board approved it, for the consent.", "not said",
           example='"Ethics Board of Somewhere, 2026-17"'),
    _field("page", "language", "word", "Language of all that participants read.", SOURCE, allowed=codes()),
    _field("page", "wording", "file", "TOML file of texts that replace those of the language.", "none",
           example='"wording.toml"'),
    _field("page", "consent", "file", "What participants agree to: a text file, which may be Markdown.",
           "a general one", example='"consent.md"'),
    _field("page", "display_width", "whole", "Width of an image or clip on the screen, in CSS pixels.",
           "their own, at most what fits a laptop's window", example="420"),
    _field("page", "display", "word",
           "fit: both are as large as each window has room for, up to their own size or --display-width.",
           "fixed", allowed=("fixed", "fit")),
    _field("page", "play", "word", "Clips: both play again and again, or once.", "loop", allowed=PLAYS),
    _field("page", "again", "flag", "Clips that play once: a button plays both again, as often as one likes.",
           "no", example="true"),
    _field("page", "must_see_all", "flag",
           "Clips: answers are taken only after both have played to their end once.", "no", example="true"),
    _field("page", "comment", "flag", "Ask at the end whether there is anything to say.", "no",
           example="true"),
    _field("page", "fixation_ms", "whole", "Time from a trial's start to the pair.", "600", example="600"),
    _count("page", "break_every", "break_every", "Offer a break after this many trials; 0: none."),
    _field("page", "submit_origins", "texts", "A further origin to which pages may submit (repeatable).",
           "MTurk and the page's own", name="origins", option="--submit-origin", metavar="URL",
           example='["https://lab.example.org"]'),
    _field("form", "", "form",
           "Ask participants something of themselves (repeatable): WHEN is before or after, KIND choice, "
           "number or text, with ? where it may stay empty; options of a choice follow.", "nothing",
           option="--form",
           metavar="NAME:WHEN:KIND:TEXT[|OPTION...]",
           example='name = "age"\ntext = "How old are you?"\nkind = "choice"\n'
                   'options = ["18-29", "30-59", "60 or older", "I prefer not to say"]\nwhen = "after"'),
)
# fmt: on
BY_NAME = {field.name: field for field in FIELDS}
BY_PLACE = {(field.section, field.key): field for field in FIELDS}
