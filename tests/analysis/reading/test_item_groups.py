"""items.csv: groups of items, with every fault named by file and line."""

import pytest

from glimpse.analysis.reading.item_groups import found_beside, read_item_groups
from glimpse.errors import GlimpseError

ITEMS = ("01", "02", "03")


def write(tmp_path, text, name="items.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_groups_are_read_and_strangers_named_by_line(tmp_path):
    path = write(tmp_path, "Item;Group\n01;faces\n09;text\n02;text\n")
    groups, problems = read_item_groups(path, ITEMS)
    assert groups == {"01": "faces", "02": "text"}
    assert [str(problem) for problem in problems] == [
        f"{path}, line 3: nobody judged item '09'",
        f"{path}: no group for '03': no group has their answers",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item,kind\n01,x\n", "lacks the column group; it has item, kind"),
        ("item,group\n01,x\n01,y\n", "line 3: item '01' is on line 2, too"),
        ("item,group\n01,\n", "line 2: item or group is empty"),
        ("item,group\n08,x\n09,x\n", "none of its 2 items was judged; items are called 01, 02, 03"),
    ],
)
def test_faults(tmp_path, text, message):
    with pytest.raises(GlimpseError, match=message):
        read_item_groups(write(tmp_path, text), ITEMS)


def test_a_file_beside_the_results_is_found(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    assert found_beside([results]) is None
    write(tmp_path, "something,else\n1,2\n")
    assert found_beside([results]) is None
    beside = write(tmp_path, "item,group\n01,x\n")
    assert found_beside([results]) == beside
    inside = write(results, "item,group\n01,x\n")
    assert found_beside([results]) == inside
