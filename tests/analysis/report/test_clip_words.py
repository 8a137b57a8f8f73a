"""What reports of clips say: no word of statistics calls a clip an image."""

import ast
import re
from pathlib import Path

import pandas as pd
import pytest

from glimpse.analysis.report.moving import note_of_clips, table_of_clips
from glimpse.analysis.report.printing import headings
from glimpse.analysis.statistics.choices import CLUSTERS, STANDARD
from glimpse.analysis.statistics.columns import COLUMNS

STATISTICS = Path(__file__).parents[3] / "analysis" / "statistics"
# Options, and refusals that end a command before there is a report.
NO_NOTES = {"choices.py", "detection_answers.py"}
IMAGES = re.compile(r"\bimages?\b")


def sentences(path):
    """Return the texts of a module that are no docstrings and speak of images; f-strings in their parts."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and isinstance(node.body[0], ast.Expr)
    }
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            told |= {id(part) for part in node.values}
            parts = (part.value if isinstance(part, ast.Constant) else "left" for part in node.values)
            texts.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            texts.append(node.value)
    return [text for text in texts if IMAGES.search(text) and len(text.split()) > 3]


def test_every_note_of_statistics_has_words_for_clips():
    found = [
        text for path in STATISTICS.glob("*.py") if path.name not in NO_NOTES for text in sentences(path)
    ]
    assert len(found) >= 8
    for text in found:
        assert not IMAGES.search(note_of_clips(text)), text
    assert (
        note_of_clips("image-space: one worker or one image only")
        == "image-space: one worker or one clip only"
    )


@pytest.mark.parametrize("name", CLUSTERS)
def test_clusters_are_named_by_clips(name):
    spoken = CLUSTERS[name].spoken("clip")
    words = (spoken.clustered, spoken.allowance, spoken.methods, spoken.sampled)
    assert not any(IMAGES.search(word.lower()) for word in words)
    assert (spoken.name, spoken.ways) == (CLUSTERS[name].name, CLUSTERS[name].ways)
    assert spoken.standard == (CLUSTERS[name] == STANDARD)
    assert CLUSTERS[name].spoken("image") == CLUSTERS[name]


def test_headings_name_clips():
    assert headings(["n_images_a", "low"], 0.95, "clip") == ["Clips", "95\u00a0% interval"]
    assert headings(["n_images_a"], 0.95) == ["Images"]
    assert not any("mage" in text for text in headings(list(COLUMNS), 0.95, "clip"))


def test_tables_without_notes_stay_as_they_are():
    table = pd.DataFrame({"n": [1]})
    assert table_of_clips(table) is table
