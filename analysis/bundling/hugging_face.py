"""The tables of a bundle as a dataset folder of Hugging Face: a card, and a file a table."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pandas as pd

from glimpse.files import refuse_others, write_whole

from .describing import COLUMNS, summary_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# Names, numbers and sides that look like numbers stay as they are written: item 000001 is not 1.
_NUMBERS = frozenset({
    "exposure_ms", "shown_ms", "response_ms", "chose_a", "sentinel", "correct", "excluded", "practice",
    "position", "n_answered", "n_trials", "n_sentinels", "n_wrong", "n_exposure_error", "plays", "skew_ms",
    "dropped", "stalls", "generated", "said_generated", "rating",
})  # fmt: skip


def check_dataset_folder(out: Path) -> None:
    """Refuse a folder that holds other files than those of an earlier dataset folder."""
    refuse_others(out, {"README.md", "data"}, "dataset", "bundle --hugging-face", option="--hugging-face")


def write_dataset(
    folder: Path, tables: Sequence[str], manifest: Mapping[str, Any], summary: Mapping[str, Any], out: Path
) -> str:
    """Write the tables of a bundle into a dataset folder, and return their format.

    tables: their names in `folder`. They are Parquet where pyarrow is installed, else CSV; both are read by
    pandas alone, and by `datasets.load_dataset(FOLDER, "judgments")`.
    """
    kind = "parquet" if find_spec("pyarrow") else "csv"
    names = []
    for table in tables:
        name = table.rpartition("description-")[2].removesuffix("_data.csv")
        names.append(name)
        target = out / "data" / f"{name}.{kind}"
        target.parent.mkdir(parents=True, exist_ok=True)
        for other in ("parquet", "csv"):
            target.with_suffix(f".{other}").unlink(missing_ok=True)
        if kind == "csv":
            write_whole(target, (folder / table).read_bytes())
            continue
        read_table_of(folder / table).to_parquet(target, index=False)
    write_whole(out / "README.md", dataset_card(names, kind, manifest, summary))
    return kind


def read_table_of(path: Path) -> pd.DataFrame:
    """Read a table of a bundle: numbers as such, all else as text; an empty cell is no value."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False, na_values={name: [""] for name in _NUMBERS})
    return table.assign(**{name: pd.to_numeric(table[name]) for name in table if name in _NUMBERS})


def dataset_card(
    names: Sequence[str], kind: str, manifest: Mapping[str, Any], summary: Mapping[str, Any]
) -> str:
    """Return the dataset card: its head in YAML names the tables, and the first is the usual one."""
    licence = f"license: {str(manifest['licence']).lower()}\n" if manifest["licence"] else ""
    configs = "".join(
        f"- config_name: {name}\n  data_files: data/{name}.{kind}\n" + ("  default: true\n" if first else "")
        for first, name in ((name == names[0], name) for name in names)
    )
    columns = "\n".join(f"| `{name}` | {text} |" for name, text in COLUMNS.items())
    read = f'pandas.read_{kind}("data/{names[0]}.{kind}")'
    return f"""---
{licence}tags:
- human-evaluation
- psychophysics
- image-generation
configs:
{configs}---
# {manifest["title"]}

{summary_sentence(summary)}

    import pandas
    table = {read}

    import datasets
    table = datasets.load_dataset("FOLDER", "{names[0]}")

Participants are numbers that cannot be linked back. Study {manifest["study"]}, made with Glimpse
{manifest["environment"]["versions"]["glimpse"]}.

## Columns
| column | meaning |
|---|---|
{columns}

## How to cite
{manifest["cite"] or "The authors did not say."}
"""
