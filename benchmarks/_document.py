"""What benchmarks write into documents: tables, and the part between two marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpse.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path


def markdown(rows: list[dict[str, str]]) -> str:
    """Return a Markdown table of rows, which may lack columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(row.get(name, "-")) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def put_between(path: Path, begin: str, end: str, text: str) -> None:
    """Write a text in place of what stands between two marks of a file."""
    before, rest = path.read_text(encoding="utf-8").split(begin)
    write_whole(path, f"{before}{begin}\n\n{text}\n{end}{rest.partition(end)[2]}")
