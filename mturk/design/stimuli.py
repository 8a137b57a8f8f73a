"""images/<condition>/<item>.png -> stimuli with opaque ids; everything that could be wrong is found first."""

from __future__ import annotations

import base64
import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from glimpse.clips import clip_files, has_clips
from glimpse.errors import GlimpseError
from glimpse.images import READ_ENDINGS, image_files, is_left_behind, item_of, same_name
from glimpse.progress import untracked

from .encoding import Source, inspect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from glimpse.progress import Track

    from .clip_sources import ClipSource

Key = tuple[str, str]
Pair = tuple[Key, Key]
Looked = TypeVar("Looked", bound="Source | ClipSource")
Sized = tuple[Path, tuple[int, int]]  # an image file, its width and height
# 20 characters of base 32 are 100 bits; one case only, for file systems that do not tell cases apart.
ID_LENGTH = 20
_LISTED = 5
_REFUSED = 20


@dataclass(frozen=True)
class Images:
    """Folders of images: condition -> item -> path; conditions and items sorted by name.

    `moving` names the conditions whose folders hold clips.
    """

    folder: Path
    paths: Mapping[str, Mapping[str, Path]]
    moving: frozenset[str] = frozenset()

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the conditions."""
        return tuple(self.paths)

    @property
    def stimulus(self) -> str:
        """What the folders hold, in a word: "image" or "clip"."""
        return "clip" if self.moving else "image"

    def are_clips(self) -> bool:
        """Tell whether the conditions are clips; GlimpseError where some are and some are not."""
        clips = [name for name in self.paths if name in self.moving]
        stills = [name for name in self.paths if name not in self.moving]
        if clips and stills:
            raise GlimpseError(
                f"{self.folder / stills[0]} holds still images, and {self.folder / clips[0]} clips; a study "
                "has one kind. Remove one of them, or name another folder with --images."
            )
        return bool(clips)


def find_images(folder: Path | str) -> Images:
    """List images/<condition>/<item>.<ext>, images or clips. Hidden files, and others, are passed over.

    Names are the same whichever way their accents are written. GlimpseError when there is no folder, no
    condition, no image in one, two files of one stem, or images of a kind that nothing reads.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise GlimpseError(
            f"There is no folder {folder}. It should hold one folder per condition, for example "
            f"{folder}/real/000001.png. Make it with synthesize, or name another with --images."
        )
    found: dict[str, dict[str, Path]] = {}
    moving = set()
    for condition in sorted(path for path in folder.iterdir() if path.is_dir()):
        if is_left_behind(condition.name):
            continue
        name = same_name(condition.name)
        _check_name("condition", name, condition)
        if name in found:
            raise GlimpseError(f"{folder} has two folders {name}, whose accents are written in two ways.")
        if has_clips(condition):
            moving.add(name)
        found[name] = image_items(condition, moving=name in moving)
    if not found:
        raise GlimpseError(f"{folder} has no folders; it must hold one folder of images per condition.")
    return Images(folder, found, frozenset(moving))


def image_items(condition: Path, *, moving: bool = False) -> dict[str, Path]:
    """Map the item names of one condition to their files: images, or clips where they are `moving`."""
    items: dict[str, Path] = {}
    for path in clip_files(condition) if moving else image_files(condition):
        item = item_of(path)
        if item in items:
            what = "clips" if moving else "images"
            raise GlimpseError(
                f"{condition} has {items[item].name} and {path.name}: two {what} of item {item}. Keep one."
            )
        _check_name("item", item, path)
        items[item] = path
    if not items:
        raise GlimpseError(f"{condition} holds no image; allowed are {', '.join(sorted(READ_ENDINGS))}.")
    return items


def _check_name(kind: str, name: str, path: Path) -> None:
    """Refuse names that a contrast a:b or a CSV file could not hold."""
    if any(character in name for character in ":,\"'\n\r\t") or name != name.strip():
        raise GlimpseError(
            f"{path}: a {kind}'s name must not hold colons, commas, quotes or line breaks. Rename it."
        )


def common_items(
    images: Images, conditions: Sequence[str], *, allow_missing: bool = False
) -> tuple[str, ...]:
    """Return the items that every one of `conditions` has.

    GlimpseError for a condition that is not there, and for an item that one lacks unless `allow_missing`.
    """
    for condition in conditions:
        if condition not in images.paths:
            raise GlimpseError(
                f"There is no condition {condition!r} in {images.folder}; found are "
                f"{', '.join(images.conditions)}."
            )
    everything = sorted({item for condition in conditions for item in images.paths[condition]})
    shared = [item for item in everything if all(item in images.paths[name] for name in conditions)]
    for condition in conditions:
        missing = [item for item in everything if item not in images.paths[condition]]
        if missing and not allow_missing:
            raise GlimpseError(
                f"{images.folder / condition} lacks {len(missing)} of {len(everything)} items that other "
                f"conditions have: {some(missing)}. Add them, or leave such items out with --allow-missing."
            )
    if not shared:
        raise GlimpseError(
            f"No item is common to {', '.join(conditions)}; the same scene has the same file name."
        )
    return tuple(shared)


def inspect_all(
    images: Images, pairs: Iterable[Pair], track: Track = untracked, *, others: Iterable[Key] = ()
) -> dict[Key, Source]:
    """Read every image of `pairs` once, and look at the `others`, which are not shown.

    GlimpseError that lists all unreadable ones, or when a pair's sizes differ.
    """
    return inspect_each(inspect, "images", images, pairs, track, others)


def inspect_each(
    look: Callable[[Path], Looked],
    what: str,
    images: Images,
    pairs: Iterable[Pair],
    track: Track,
    others: Iterable[Key],
) -> dict[Key, Looked]:
    """Call `look` on every file of `pairs` and of `others` once; return what it says of those of `pairs`.

    GlimpseError that lists all files of which `look` raises one, or when a pair's sizes differ; `what` is in
    them (images or clips).
    """

    def looked(path: Path) -> Looked | GlimpseError:
        """Return what is wrong with a file, too: one says nothing of the others."""
        try:
            return look(path)
        except GlimpseError as error:
            return error

    pairs = list(dict.fromkeys(pairs))
    keys = sorted({key for pair in pairs for key in pair})
    more = sorted(set(others) - set(keys))
    paths = [images.paths[condition][item] for condition, item in (*keys, *more)]
    with ThreadPoolExecutor() as pool:
        found = list(track(pool.map(looked, paths), f"Reading {what}", len(paths)))
    problems = [one for one in found if isinstance(one, GlimpseError)]
    if problems:
        raise listed_faults(problems, f"{len(paths)} {what}")
    good = [one for one in found if not isinstance(one, GlimpseError)]
    sources = dict(zip(keys, good, strict=False))
    for left, right in pairs:
        one, other = ((sources[key].path, sources[key].size) for key in (left, right))
        check_sizes(one, other, same_item=left[1] == right[1], what=what)
    return sources


def listed_faults(problems: Sequence[GlimpseError], all_of: str) -> GlimpseError:
    """Name what cannot be used of `all_of` (such as "40 images"): the only one, or the first of a list."""
    if len(problems) == 1:
        return problems[0]
    listed = "\n".join(f"  {problem}" for problem in problems[:_REFUSED])
    more = f"\n  and {len(problems) - _REFUSED} more" if len(problems) > _REFUSED else ""
    return GlimpseError(f"{len(problems)} of {all_of} cannot be used:\n{listed}{more}")


def check_sizes(left: Sized, right: Sized, *, same_item: bool, what: str = "images") -> None:
    """Refuse images (or clips) that stand beside each other in different sizes."""
    (left_path, left_size), (right_path, right_size) = left, right
    if left_size == right_size:
        return
    hint = "" if same_item else ", or pair only the same scenes with --pairing same-item"
    raise GlimpseError(
        f"{left_path} is {left_size[0]}x{left_size[1]} and {right_path} is {right_size[0]}x{right_size[1]}; "
        f"{what} shown side by side must have the same size. Resize one of them{hint}."
    )


def study_secret(seed: int, settings: str, digests: Mapping[Key, str]) -> str:
    """Return the key of the opaque names: 64 hexadecimal digits that follow from everything that goes in."""
    digest = hashlib.sha256(f"glimpse\0{seed}\0{settings}\0".encode())
    for (condition, item), of_file in sorted(digests.items()):
        digest.update(f"{condition}\0{item}\0{of_file}\0".encode())
    return digest.hexdigest()


def opaque_id(secret: str, *parts: str, length: int = ID_LENGTH) -> str:
    """Return a name of lower-case letters and digits 2-7 that tells nothing without the secret."""
    code = hmac.new(bytes.fromhex(secret), "\0".join(parts).encode(), hashlib.sha256).digest()
    return base64.b32encode(code).decode().lower()[:length]


def some(names: Sequence[str]) -> str:
    """List the first few names."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
