from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from glimpse.files import append_line, write_whole

if TYPE_CHECKING:
    from pathlib import Path


def test_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_whole(path, "alt")
    assert path.read_text() == "alt"

    def broken(_descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, b"neu")
    assert path.read_text() == "alt"
    assert list(path.parent.iterdir()) == [path]


def test_private_files(tmp_path: Path) -> None:
    write_whole(tmp_path / "secret", "x", mode=0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_line_cut_short_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    append_line(path, '{"a":1}')
    path.write_bytes(path.read_bytes() + b'{"b":')
    append_line(path, '{"c":3}')
    assert path.read_text() == '{"a":1}\n{"b":\n{"c":3}\n'


def test_a_line_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line break"):
        append_line(tmp_path / "ledger", "a\nb")
