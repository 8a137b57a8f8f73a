"""Where datasets keep their label maps and photographs, as they are distributed; pairs by file name.

| kind | layout |
|---|---|
| cityscapes | leftImg8bit/SPLIT/CITY/*_leftImg8bit.png, gtFine/SPLIT/CITY/*_gtFine_labelIds.png (or _color) |
| cityscapes-coarse | the same with gtCoarse; splits train, train_extra, val |
| gta5 | images/00001.png, labels/00001.png, split.mat (or train.txt ...); 12,403 / 6,382 / 6,181 frames |
| nyu | images/, labels/ (ids 1 to 40, 0 = void), train.txt and val.txt; else the first 1,200 of 1,449 |
| camvid | train/, trainannot/, ... and train.txt with a photo and a label map a line |
| pairs | two folders with equal file names: ROOT/labels and ROOT/photos, or LABELS,PHOTOS |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError
from glimpse.images import is_image, item_of, same_name

if TYPE_CHECKING:
    from collections.abc import Callable

LABEL_FOLDERS = ("labels", "labels40", "label", "annotations", "train_label")
PHOTO_FOLDERS = ("photos", "images", "real", "image", "rgb", "train_img")
NYU_FILE = "nyu_depth_v2_labeled.mat"
NYU_TRAINING = 1200  # of 1,449, as the paper splits them


@dataclass(frozen=True)
class PairFiles:
    """The two files of an item."""

    item: str
    labels: Path
    photo: Path


@dataclass
class Found:
    """A split's pairs in order, and what is wrong with it by name of file."""

    pairs: list[PairFiles] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def match(self, labels: dict[str, Path], photos: dict[str, Path], only: list[str] | None = None) -> Found:
        """Pair files by item; `only` gives the items of a split in order, else all, by name."""
        for item in sorted(labels.keys() | photos.keys()) if only is None else only:
            if item in labels and item in photos:
                self.pairs.append(PairFiles(item, labels[item], photos[item]))
            elif item in photos:
                self.problems.append(f"{photos[item]}: has no label map")
            elif item in labels:
                self.problems.append(f"{labels[item]}: has no photograph")
            else:
                self.problems.append(
                    f"{item}: is in the split's list, but has neither label map nor photograph"
                )
        return self


def find_pairs(kind: str, root: Path | str, split: str) -> Found:
    """List the pairs of a split of a dataset; GlimpseError when its folders are not there or hold none."""
    if kind not in LAYOUTS:
        raise GlimpseError(f"dataset kind {kind!r} is unknown; known are scenes, {', '.join(LAYOUTS)}.")
    if not str(root):
        raise GlimpseError(f"dataset {kind} needs its folder: {kind}:PATH.")
    find, splits = LAYOUTS[kind]
    if splits and split not in splits:
        raise GlimpseError(f"split {split!r} of {kind} is unknown; it has {', '.join(splits)}.")
    found = find(Path(root), split)
    if not found.pairs and not found.problems:
        raise GlimpseError(f"{root}: no pairs of label map and photograph for split {split!r} of {kind}.")
    return found


def _files(folder: Path, ending: str = "", deep: bool = False) -> dict[str, Path]:
    """Map item -> image file for a folder; the item is the file's name without `ending` and suffix."""
    if not folder.is_dir():
        raise GlimpseError(f"{folder}: no such folder.")
    files = folder.glob("*/*" if deep else "*")
    return {
        item_of(path).removesuffix(ending): path
        for path in sorted(files)
        if is_image(path) and path.stem.endswith(ending)
    }


def _cityscapes(root: Path, split: str, annotation: str = "gtFine") -> Found:
    photos = _files(root / "leftImg8bit" / split, "_leftImg8bit", deep=True)
    labels = _files(root / annotation / split, f"_{annotation}_labelIds", deep=True)
    labels = labels or _files(root / annotation / split, f"_{annotation}_color", deep=True)
    return Found().match(labels, photos)


def _cityscapes_coarse(root: Path, split: str) -> Found:
    return _cityscapes(root, split, "gtCoarse")


def _gta5(root: Path, split: str) -> Found:
    photos, labels = _files(root / "images"), _files(root / "labels")
    listed = _list_file(root, split)
    if listed is None and (root / "split.mat").is_file():
        listed = [f"{number:05d}" for number in _matlab_split(root / "split.mat", f"{split}Ids")]
    if listed is None:
        raise GlimpseError(
            f"{root}: has neither split.mat nor {split}.txt; one of them says which frames are {split}."
        )
    return Found().match(labels, photos, listed)


def _matlab_split(path: Path, key: str) -> list[int]:
    """Read one list of frame numbers from the split.mat of GTA5."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        stored = loadmat(path)
    except (MatReadError, ValueError, OSError, TypeError, NotImplementedError) as error:
        raise GlimpseError(f"{path}: is not a MATLAB file that can be read: {error}.") from None
    if key not in stored:
        raise GlimpseError(f"{path}: has no {key}.")
    return [int(number) for number in stored[key].ravel()]


def _nyu(root: Path, split: str) -> Found:
    if (root / NYU_FILE).is_file() and not any((root / name).is_dir() for name in LABEL_FOLDERS):
        raise GlimpseError(
            f"{root / NYU_FILE}: is read from image files, not from MATLAB: write its images to "
            f"{root}/images/ and its labels, mapped to the 40 classes (0 = none), to {root}/labels/, "
            "as PNGs of equal names."
        )
    labels, photos = _two_folders(root, split)
    listed = _list_file(root, split)
    if listed is None and split == "val":
        listed = _list_file(root, "test")
    if listed is None and not _divided(root, split):
        items = sorted(labels.keys() | photos.keys())
        listed = items[:NYU_TRAINING] if split == "train" else items[NYU_TRAINING:]
    return Found().match(labels, photos, listed)


def _camvid(root: Path, split: str) -> Found:
    listing = root / f"{split}.txt"
    if not listing.is_file():
        return Found().match(_files(root / f"{split}annot"), _files(root / split))
    found = Found()
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), start=1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 2:
            raise GlimpseError(
                f"{listing}: line {number} is {line!r}; it should name a photo and a label map."
            )
        photo, labels = (root.joinpath(*Path(part).parts[-2:]) for part in parts)
        for path, what in ((photo, "photograph"), (labels, "label map")):
            if not path.is_file():
                found.problems.append(f"{path}: no such {what} (line {number} of {listing.name})")
        if photo.is_file() and labels.is_file():
            found.pairs.append(PairFiles(photo.stem, labels, photo))
    return found


def _pairs(root: Path, split: str) -> Found:
    labels, photos = _two_folders(root, split)
    return Found().match(labels, photos, _list_file(root, split))


def _two_folders(root: Path, split: str) -> tuple[dict[str, Path], dict[str, Path]]:
    """Find the label maps' and photographs' folders below `root`, or take "LABELS,PHOTOS"."""
    if "," in str(root) and not root.exists():
        labels, _, photos = str(root).partition(",")
        return _files(Path(labels)), _files(Path(photos))
    sides = []
    for names, what in ((LABEL_FOLDERS, "label maps"), (PHOTO_FOLDERS, "photographs")):
        places = [root / split / name for name in names] + [root / name / split for name in names]
        places += [root / name for name in names]
        place = next((path for path in places if path.is_dir()), None)
        if place is None:
            raise GlimpseError(f"{root}: has no folder of {what}; it may be called {', '.join(names)}.")
        sides.append(_files(place))
    return sides[0], sides[1]


def _divided(root: Path, split: str) -> bool:
    """Whether the folders themselves separate the splits."""
    return (root / split).is_dir() or any((root / name / split).is_dir() for name in LABEL_FOLDERS)


def _list_file(root: Path, split: str) -> list[str] | None:
    """Read a split's items from SPLIT.txt, one a line (a path or a name); None when there is no such file."""
    path = root / f"{split}.txt"
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").split("\n")
    return [same_name(Path(line.split()[0]).stem) for line in lines if line.strip()]


LAYOUTS: dict[str, tuple[Callable[[Path, str], Found], tuple[str, ...]]] = {
    "cityscapes": (_cityscapes, ("train", "val", "test")),
    "cityscapes-coarse": (_cityscapes_coarse, ("train", "train_extra", "val")),
    "gta5": (_gta5, ("train", "val", "test")),
    "nyu": (_nyu, ("train", "val")),
    "camvid": (_camvid, ("train", "val", "test")),
    "pairs": (_pairs, ()),
}
