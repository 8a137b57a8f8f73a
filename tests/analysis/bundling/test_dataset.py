"""The tables of a bundle for other programs: Psych-DS, and a dataset folder of Hugging Face."""

import csv
import io
import json
import re
import shutil
import zipfile

import pandas as pd
import pytest
import yaml

from glimpse.analysis.bundling import hugging_face
from glimpse.analysis.bundling.hugging_face import check_dataset_folder, write_dataset
from glimpse.errors import GlimpseError

# After the rule "Datafile" of the Psych-DS schema.
NAME = re.compile(r"data/([a-z]+-[a-zA-Z0-9]+)(_[a-z]+-[a-zA-Z0-9]+)*_data\.csv")


def test_the_tables_are_as_psych_ds_has_them(limited):
    """Its rules: a name, a description, every column named once, keywords in names of files, equal rows."""
    with zipfile.ZipFile(limited / "study.zip") as archive:
        about = json.loads(archive.read("dataset_description.json"))
        tables = {
            name: archive.read(name).decode() for name in archive.namelist() if name.startswith("data/")
        }
    assert about["@context"].startswith("https://schema.org")
    assert about["@type"] == "Dataset"
    assert about["name"]
    assert about["description"]
    named = [one["name"] for one in about["variableMeasured"]]
    assert len(named) == len(set(named))
    assert all(one["@type"] == "PropertyValue" and one["description"] for one in about["variableMeasured"])
    assert len(tables) == 3
    columns = set()
    for name, text in tables.items():
        assert NAME.fullmatch(name)
        head, *rows = csv.reader(io.StringIO(text, newline=""))
        columns |= set(head)
        assert rows
        assert {len(row) for row in rows} == {len(head)}
    assert columns == set(named)


@pytest.fixture
def unpacked(limited, tmp_path):
    shutil.unpack_archive(limited / "study.zip", tmp_path / "bundle")
    return tmp_path / "bundle"


def written(folder, out):
    tables = sorted(
        (path.relative_to(folder).as_posix() for path in (folder / "data").iterdir()), reverse=True
    )
    manifest, summary = (
        json.loads((folder / name).read_text()) for name in ("bundle.json", "report/summary.json")
    )
    kind = write_dataset(
        folder, sorted(tables, key=lambda name: "judgments" not in name), manifest, summary, out
    )
    _, head, text = (out / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(head)
    assert card["license"] == "cc-by-4.0"
    assert "SIMULATED" in text
    assert [one["config_name"] for one in card["configs"] if one.get("default")] == ["judgments"]
    return kind, {one["config_name"]: out / one["data_files"] for one in card["configs"]}


def test_a_dataset_folder_is_read_by_pandas_alone(unpacked, tmp_path, monkeypatch):
    monkeypatch.setattr(hugging_face, "find_spec", lambda name: None)
    kind, files = written(unpacked, tmp_path / "dataset")
    assert kind == "csv"
    was = pd.read_csv(unpacked / "report" / "judgments.csv")
    pd.testing.assert_frame_equal(pd.read_csv(files["judgments"]), was)
    assert set(files) == {"judgments", "assignments", "trials"}


def test_parquet_keeps_names_as_text_and_numbers_as_numbers(unpacked, tmp_path):
    pytest.importorskip("pyarrow")
    kind, files = written(unpacked, tmp_path / "dataset")
    assert kind == "parquet"
    table = pd.read_parquet(files["judgments"])
    was = pd.read_csv(unpacked / "report" / "judgments.csv", dtype={"item_a": str})
    assert table["item_a"].tolist() == was["item_a"].tolist()
    assert table["response_ms"].tolist() == was["response_ms"].tolist()


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(
        GlimpseError,
        match=r"holds files that bundle --hugging-face did not write .* another folder with --hugging-face",
    ):
        check_dataset_folder(tmp_path)
