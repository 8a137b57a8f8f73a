"""Tables as spreadsheets save them: each way of saving gives the same rows, or one clear message."""

import codecs
import contextlib
import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse import tables
from glimpse.errors import GlimpseError
from glimpse.tables import parse_table, read_table

ROWS = [["item", "condition", "value"], ["01", "Müller, A.", "0.5"], ["02", 'a "b"; c\td', "1\n2"]]
KNOWN = ("item", "condition", "value")


def written(separator, end="\n"):
    cells = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in ROWS]
    return "".join(separator.join(row) + end for row in cells)


@pytest.mark.parametrize("separator", tables.SEPARATORS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_every_way_of_saving_gives_the_same_rows(tmp_path, separator, end, mark, encoding):
    file = tmp_path / "a.csv"
    file.write_bytes(mark + written(separator, end).encode(encoding))
    found = read_table(file, KNOWN)
    assert [found.head, *(row.cells for row in found.rows)] == ROWS
    assert [row.line for row in found.rows] == [2, 3]


def test_the_head_tells_the_separator_where_other_characters_are_more_frequent():
    text = "a,b,c,d;value;item\n1;2;3\n"
    assert parse_table(text, "").head == ["a", "b", "c", "d;value;item"]
    assert parse_table(text, "", KNOWN).head == ["a,b,c,d", "value", "item"]


def test_lines_are_counted_as_an_editor_counts_them():
    text = 'sep=;\n\n"item";"value"\n01;"a\nb"\n\n;\n02;3\n'
    assert [row.line for row in parse_table(text, "").rows] == [4, 8]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.csv: the file is empty"),
        (b"\n \n,,\n", "a.csv: the file is empty"),
        (b"item,value\n01,caf\xe9\n", r"a.csv, line 2: not UTF-8 text .*Save it as CSV in UTF-8"),
        (b"\xff\xfea", r"a.csv, line 1: not UTF-16 text"),
        (b"PK\x03\x04 sheet", "a.csv is a spreadsheet or an archive, no CSV file; save it as CSV"),
        (b'item,value\n01,2\n02,"3\n04,5\n', r"a.csv, line 3: a quotation mark opens a cell that never ends"),
        (b"item,value,Item\n", "a.csv: column item is there twice"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, data, message):
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(GlimpseError, match=message):
        read_table(tmp_path / "a.csv", KNOWN)


def test_a_file_that_is_not_there_is_named(tmp_path):
    for path in (tmp_path, tmp_path / "b.csv"):
        with pytest.raises(GlimpseError, match="is no file; name a CSV file"):
            read_table(path)


@given(st.text(alphabet='a"\n\r,;\t =\ufeff', max_size=40))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(GlimpseError):
        found = parse_table(text, "a.csv", ("a",))
        lines = [row.line for row in found.rows]
        assert lines == sorted(set(lines))
        assert not lines or lines[-1] <= text.count("\n") + text.count("\r") + 1


def test_the_examples_run():
    assert doctest.testmod(tables).failed == 0
