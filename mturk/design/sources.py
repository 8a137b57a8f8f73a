"""What a study is made from beside its images: files and folders that the requester names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Sources:
    """Files and folders named by a study file or its options; None: there is none.

    `prompts` has the text of each item (a table item,text; a metadata.jsonl; a folder of .txt files),
    `references` is a folder with an image of each item, `sentinels` a table left,right,correct of trials
    with known answers, whose images stand on the sides that it says if `keep_sides`.
    """

    prompts: Path | None = None
    references: Path | None = None
    sentinels: Path | None = None
    keep_sides: bool = False
