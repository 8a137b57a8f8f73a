"""The study/ folder, read with every digest checked, and study.json, which results carry on."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glimpse.context import Context
from glimpse.errors import GlimpseError
from glimpse.experiment import Experiment
from glimpse.files import file_digest, read_json
from glimpse.forms import FormField, check_forms
from glimpse.questions import only_question
from glimpse.stated import check_stated
from glimpse.text import counted
from glimpse.trials import iterate_trials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glimpse.trials import Trial

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Stimulus:
    """One hosted image or clip: its file name under images/, SHA-256, and size in pixels.

    A clip states how many `frames` it has, and its `frame_rate` in frames a second; an image neither.
    `source_sha256` is that of the file it was made from, where the pixels stayed as they were (see
    `mturk.design.encoding`); empty where the image was encoded anew, and in studies that do not state it.
    `condition` and `item` are what it shows, where a server draws trials, and of compared conditions alone.
    """

    file: str
    sha256: str
    width: int
    height: int
    source_sha256: str = ""
    frames: int | None = None
    frame_rate: float | None = None
    condition: str = ""
    item: str = ""

    @property
    def ending(self) -> str:
        """The ending of the file's name, with its dot."""
        return self.file[self.file.rindex(".") :]

    @property
    def duration_ms(self) -> float | None:
        """How long a clip plays, in ms; None for an image."""
        return 1000 * self.frames / self.frame_rate if self.frames and self.frame_rate else None

    def to_json(self) -> dict[str, Any]:
        """Return the stimulus as study.json holds it."""
        return {name: value for name, value in asdict(self).items() if value not in {"", None}}


@dataclass(frozen=True)
class Hit:
    """One HIT: its page's path inside the study folder, and the SHA-256 of that page."""

    hit: str
    batch: str
    trials: int
    page: str
    page_sha256: str


@dataclass(frozen=True)
class Study:
    """A frozen study. `folder` is None for one that is not on the disk (yet).

    `contexts` has the prompt or reference of each item that has one; `forms` is what participants are asked
    of themselves.
    """

    folder: Path | None
    study: str
    title: str
    description: str
    keywords: tuple[str, ...]
    experiment: Experiment
    seed: int
    versions: Mapping[str, str]
    secret: str
    stimuli: Mapping[str, Stimulus]
    hits: tuple[Hit, ...]
    trials: tuple[Trial, ...]
    plan_sha256: str
    page_settings: Mapping[str, Any] = field(default_factory=dict)
    contexts: Mapping[str, Context] = field(default_factory=dict)
    forms: tuple[FormField, ...] = ()

    def __repr__(self) -> str:
        *fewer, most = sorted({hit.trials for hit in self.hits})
        sizes = " or ".join([*map(str, fewer), counted(most, "trial")])
        return (
            f"<Study in {self.folder}: {counted(len(self.hits), 'HIT')} of {sizes}, {self.experiment.mode}, "
            f"{counted(len(self.experiment.contrasts), 'contrast')}>"
        )

    @property
    def moving(self) -> bool:
        """Whether the study's stimuli are clips; its reference images may be still ones."""
        return any(stimulus.frames is not None for stimulus in self.stimuli.values())

    @property
    def identity(self) -> tuple[str, str]:
        """What tells this study from every other: its id, and the digest of its plan."""
        return self.study, self.plan_sha256

    def hit(self, name: str) -> Hit:
        """Return one HIT by name; GlimpseError, with the names that there are, when there is none."""
        for hit in self.hits:
            if hit.hit == name:
                return hit
        names = [hit.hit for hit in self.hits]
        listed = ", ".join(names[:4]) + (f" ... {names[-1]}" if len(names) > 4 else "")
        raise GlimpseError(f"There is no HIT {name!r} in this study; it has {listed}.")

    def trials_of(self, hit: str) -> tuple[Trial, ...]:
        """Return a HIT's trials in the order shown, practice first; none for a HIT that is not there."""
        return self._trials_by_hit.get(hit, ())

    @cached_property
    def exposures_ms(self) -> tuple[int, ...]:
        """The exposures that occur, the shortest first; none in unlimited time."""
        return tuple(sorted({int(one.exposure_ms) for one in self.trials if one.exposure_ms is not None}))

    @cached_property
    def _trials_by_hit(self) -> dict[str, tuple[Trial, ...]]:
        groups: dict[str, list[Trial]] = {}
        for trial in self.trials:
            groups.setdefault(trial.hit, []).append(trial)
        return {hit: tuple(group) for hit, group in groups.items()}

    def image_path(self, stimulus: str) -> Path:
        """Return where a stimulus' image lies; GlimpseError for a study that is not on the disk."""
        if self.folder is None:
            raise GlimpseError(f"Stimulus {stimulus} has no file: the study is not on the disk.")
        return self.folder / "images" / self.stimuli[stimulus].file

    def page_path(self, hit: str) -> Path:
        """Return where a HIT's page lies; GlimpseError for a study that is not on the disk."""
        if self.folder is None:
            raise GlimpseError(f"HIT {hit} has no page: the study is not on the disk.")
        return self.folder / self.hit(hit).page

    def check_images(self) -> None:
        """Read every image or clip and compare its SHA-256.

        GlimpseError names the first that is missing or differs.
        """
        for name, stimulus in self.stimuli.items():
            path = self.image_path(name)
            if not path.is_file() or file_digest(path) != stimulus.sha256:
                raise GlimpseError(f"{path} is missing or changed since build-hits; {_REBUILD}")

    def to_json(self) -> dict[str, Any]:
        """Return the study as study.json holds it; the trials are in trials.csv."""
        beside: dict[str, Any] = {}
        if self.contexts:
            beside["contexts"] = {item: context.to_json() for item, context in self.contexts.items()}
        if self.forms:
            beside["forms"] = [form.to_json() for form in self.forms]
        return {
            "schema_version": SCHEMA_VERSION,
            "study": self.study,
            "title": self.title,
            "description": self.description,
            "keywords": list(self.keywords),
            "experiment": self.experiment.to_json(),
            "page": dict(self.page_settings),
            **beside,
            "seed": self.seed,
            "versions": dict(self.versions),
            "secret": self.secret,
            "stimuli": {name: stimulus.to_json() for name, stimulus in self.stimuli.items()},
            "hits": [asdict(hit) for hit in self.hits],
            "plan_sha256": self.plan_sha256,
        }


_REBUILD = "a frozen study must not be edited: restore it, or run build-hits again into another folder."


def read_document(path: Path) -> dict[str, Any]:
    """Read a study.json, of a study folder or of results, which may state less (see `check_stated`).

    GlimpseError names the file, the field that is missing or of a wrong kind, and what is needed.
    """
    document = read_json(path)
    version = document.get("schema_version", 1)
    if version not in {1, SCHEMA_VERSION}:
        raise GlimpseError(
            f"{path}: schema_version is {version!r}; this program reads 1 and {SCHEMA_VERSION}. Use the "
            "version that wrote the study, or a later one."
        )
    if version == 1:
        document = _from_version_1(document)
    if not isinstance(document.get("study"), str) or not document["study"]:
        raise GlimpseError(f"{path}: field 'study' (the study's id) is missing or not text.")
    check_stated(document.get("experiment"), str(path))
    stimuli = document.get("stimuli") or {}
    if not isinstance(stimuli, dict) or not all(map(_is_stimulus, stimuli.values())):
        raise GlimpseError(f"{path}: field 'stimuli' is wrong: each stimulus has a file and a sha256.")
    return document


def _from_version_1(document: dict[str, Any]) -> dict[str, Any]:
    """Return a study.json of version 1 as version 2 would state it: its question is the experiment's."""
    page, experiment = document.get("page"), document.get("experiment")
    if not isinstance(page, dict) or not isinstance(experiment, dict) or "question" not in page:
        return document
    text = page["question"]
    page = {name: value for name, value in page.items() if name != "question"}
    if isinstance(text, str) and text.strip():
        experiment = {**experiment, "questions": [only_question(text).to_json()]}
    return {**document, "page": page, "experiment": experiment}


def _is_stimulus(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(name, ""), str) for name in ("sha256", "source_sha256")
    )


def identity(document: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return what tells a study from every other: its id, and the digest of its plan, None if not stated."""
    return document["study"], document.get("plan_sha256")


def is_own_plan(document: Mapping[str, Any], trials: Path) -> bool:
    """Tell whether a trials.csv is the plan that its study.json states.

    Any is where it states none, and where trials were drawn for each assignment.
    """
    stated = document.get("plan_sha256")
    if document["experiment"].get("allocation") == "adaptive":
        return True
    return stated is None or stated == file_digest(trials)


def read_study(folder: Path | str) -> Study:
    """Read a study folder; plan and pages are compared with their digests, images only by their presence.

    GlimpseError when something is missing, changed, or of a version that is not known.
    """
    folder = Path(folder)
    path = folder / "study.json"
    if not path.is_file():
        raise GlimpseError(
            f"{folder} holds no study (no study.json). Run build-hits first, or name the folder."
        )
    document = read_document(path)
    if "secret" not in document and "hits" in document:
        raise GlimpseError(
            f"{path} has no secret key: it is from a bundle, which is for reading and for reproduce. To run "
            "the study, build one from its study.toml with build-hits."
        )
    try:
        study = _from_json(folder, document)
    except (KeyError, TypeError, AttributeError) as error:
        raise GlimpseError(f"{path} is damaged ({error!r}); {_REBUILD}") from error
    _check_files(study, folder)
    return study


def digest(text: str) -> str:
    """Return the SHA-256 of a text's UTF-8 bytes, in hexadecimal."""
    return _sha256(text.encode())


def _from_json(folder: Path, value: Mapping[str, Any]) -> Study:
    """Build the study from study.json and the trials.csv beside it."""
    plan = folder / "trials.csv"
    if not plan.is_file() or file_digest(plan) != value["plan_sha256"]:
        raise GlimpseError(f"{folder}/trials.csv is missing or changed since build-hits; {_REBUILD}")
    _check_kinds(value)
    return Study(
        folder=folder,
        study=value["study"],
        title=value["title"],
        description=value["description"],
        keywords=tuple(value["keywords"]),
        experiment=Experiment.from_json(value["experiment"]),
        seed=value["seed"],
        versions=value["versions"],
        secret=value["secret"],
        stimuli={name: Stimulus(**stimulus) for name, stimulus in value["stimuli"].items()},
        hits=tuple(Hit(**hit) for hit in value["hits"]),
        trials=tuple(iterate_trials(plan)),
        plan_sha256=value["plan_sha256"],
        page_settings=value["page"],
        contexts={item: Context.from_json(one) for item, one in value.get("contexts", {}).items()},
        forms=_forms(value.get("forms", [])),
    )


def _forms(value: Any) -> tuple[FormField, ...]:
    """Read the fields of the forms; GlimpseError as of FormField, and for two of one name."""
    found = tuple(map(FormField.from_json, value))
    check_forms(found)
    return found


_KINDS = {
    **dict.fromkeys(("study", "title", "description", "secret", "plan_sha256"), str),
    **dict.fromkeys(("experiment", "page", "versions", "stimuli"), dict),
    **dict.fromkeys(("keywords", "hits"), list),
    "seed": int,
}
_STIMULUS_KINDS = {"file": str, "sha256": str, "width": int, "height": int}
_HIT_KINDS = {"hit": str, "batch": str, "trials": int, "page": str, "page_sha256": str}


def _check_kinds(value: Mapping[str, Any]) -> None:
    """Raise KeyError or TypeError for a field of study.json that is missing or of a wrong kind."""
    wanted = [(value, _KINDS)]
    wanted += [(stimulus, _STIMULUS_KINDS) for stimulus in value["stimuli"].values()]
    wanted += [(hit, _HIT_KINDS) for hit in value["hits"]]
    for holder, kinds in wanted:
        for name, kind in kinds.items():
            if type(holder[name]) is not kind:
                raise TypeError(f"{name} is {str(holder[name])[:60]!r}")
    for stimulus in value["stimuli"].values():
        _check_clip(stimulus)


def _check_clip(stimulus: Mapping[str, Any]) -> None:
    """Raise TypeError for a clip that does not state both of its numbers; images state neither."""
    frames, rate = stimulus.get("frames"), stimulus.get("frame_rate")
    stated = type(frames) is int and frames > 0 and isinstance(rate, int | float) and rate > 0
    if not stated and (frames, rate) != (None, None):
        raise TypeError(f"frames is {str(frames)[:60]!r}, frame_rate {str(rate)[:60]!r}")


def _check_files(study: Study, folder: Path) -> None:
    """Compare every page with its digest and see that every image is there."""
    for hit in study.hits:
        page = _read(folder / hit.page)
        if page is None or _sha256(page) != hit.page_sha256:
            raise GlimpseError(f"{folder / hit.page} is missing or changed since build-hits; {_REBUILD}")
    present = {path.name for path in (folder / "images").glob("*")}
    missing = [stimulus.file for stimulus in study.stimuli.values() if stimulus.file not in present]
    if missing:
        raise GlimpseError(f"{folder}/images lacks {len(missing)} images, the first {missing[0]}; {_REBUILD}")


def _read(path: Path) -> bytes | None:
    """Return a file's bytes, None when there is no such file."""
    return path.read_bytes() if path.is_file() else None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
