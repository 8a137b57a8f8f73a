"""What nobody meant to leave: marks of a merge, also in templates, which no program stumbles over."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = ("glimpse", "crn", "mturk", "analysis", "templates", "tests", "benchmarks", "docs", "examples")
TEXTS = {".py", ".j2", ".md", ".js", ".css", ".toml", ".json", ".txt", ".cff", ".ipynb", ".R", ".yml", ""}
MARKS = ("<" * 7 + " ", ">" * 7 + " ", "|" * 7 + " ")


@pytest.mark.parametrize("top", [".", *TOP])
def test_no_marks_of_a_merge_are_left(top: str) -> None:
    found = ROOT.glob("*") if top == "." else (ROOT / top).rglob("*")
    files = [path for path in found if path.is_file() and path.suffix in TEXTS and path.name != ".coverage"]
    assert files, f"{top} holds no text"
    lines = [
        f"{path.relative_to(ROOT)}: {line}"
        for path in files
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith(MARKS)
    ]
    assert not lines
