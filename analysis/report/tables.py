"""Tables as people meet them: CSV, LaTeX. Nothing is computed here."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glimpse.cells import guarded

from ..figures.series import MANY_CONTRASTS
from ..statistics.choices import STANDARD
from ..statistics.columns import COLUMNS, from_the_other_side
from .formats import DASH, NBSP, exposure, level_text, p_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ..statistics.choices import Cluster

CSV_ROWS = 50_000  # written at a time
NOT_PLAIN = re.compile('[,"\r\n]')
NOISE = 1e-12  # a strength of this size is a tie's


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV: true and false as 1 and 0, ten significant digits, empty where there is no value.

    Texts that a spreadsheet would take for a formula are `guarded`.

    A float32 has the digits that tell it from its neighbours: 613.9. What arithmetic leaves of a zero is 0;
    only p-values are ever that small.
    """
    return "".join(csv_parts([table]))


def csv_parts(tables: Iterable[pd.DataFrame]) -> Iterator[str]:
    """As `csv_text` of several tables one after another, some rows at a time."""
    header = True
    for table in tables:
        for start in range(0, max(len(table), 1), CSV_ROWS):
            cells = [_cells(column) for _, column in table.iloc[start : start + CSV_ROWS].items()]
            if len(cells) == 1:  # else it would be an empty line
                cells = [[text or '""' for text in cells[0]]]
            lines = [",".join(_quoted(str(name)) for name in table)] if header else []
            yield "".join(f"{line}\n" for line in [*lines, *map(",".join, zip(*cells, strict=True))])
            header = False


def _cells(column: pd.Series) -> list[str]:
    """A column as a CSV shows it. What recurs, as texts and times do, is written once."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        texts = [*_cells(pd.Series(column.cat.categories)), ""]  # the last where there is none
        return list(np.array(texts, dtype=object)[column.cat.codes.to_numpy()])
    if column.dtype.kind == "f":
        values, place = np.unique(column.to_numpy(), return_inverse=True)
        return list(np.array(_digits(values, str(column.name)), dtype=object)[place])
    if column.dtype == bool or isinstance(column.dtype, pd.BooleanDtype):
        code = column.astype("Int8").fillna(-1).to_numpy(np.int8)
        return list(np.array(["0", "1", ""], dtype=object)[code])
    return [_cell(value) for value in column.tolist()]


def _cell(value: Any) -> str:
    """One value."""
    if isinstance(value, str):
        return _quoted(guarded(value))
    return "" if value is None or value is pd.NA or value != value else _quoted(str(value))  # noqa: PLR0124 - NaN


def _quoted(text: str) -> str:
    """A text in quotation marks, where its reader needs them."""
    return '"' + text.replace('"', '""') + '"' if NOT_PLAIN.search(text) else text


def _digits(values: NDArray[np.floating[Any]], name: str) -> list[str]:
    """Numbers of a column as its CSV shows them."""
    if "p" not in name.split("_"):
        values = np.where(np.abs(values) <= NOISE, values.dtype.type(0), values)
    if values.dtype == np.float32:  # the shortest text that is read as the same number
        shortest = values.astype(str).tolist()
        texts = [f"{float(text):.10g}" if "e" in text else text.removesuffix(".0") for text in shortest]
    else:
        texts = [f"{value:.10g}" for value in values.tolist()]
    return ["" if text == "nan" else text for text in texts]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries with text keys, and values as Python has them."""
    columns = [[_native(value) for value in column.tolist()] for _, column in table.items()]
    names = [str(name) for name in table]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _native(value: Any) -> Any:
    """A value that may be NumPy's or pandas' own."""
    if value is pd.NA:
        return None
    return value.item() if isinstance(value, np.generic) else value


def tex(text: str) -> str:
    """Escape what LaTeX would read as a command."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
    special |= {"<": r"\textless{}", ">": r"\textgreater{}"}
    return "".join(special.get(sign, sign) for sign in text)


def oriented(row: Mapping[str, Any], *, flip: bool) -> dict[str, Any]:
    """Return a row of a preference table as it is, or seen from condition B, with its winner and loser."""
    winner, loser = row["condition_a"], row["condition_b"]
    own = {name: value for name, value in row.items() if name not in {"winner", "loser"}}
    if flip:
        own, winner, loser = from_the_other_side(own), loser, winner
    return {**own, "winner": winner, "loser": loser}


def facing(rows: Iterable[Mapping[str, Any]], real: str | None) -> dict[str, bool]:
    """Return, for each contrast, whether it is told from condition B: from the real condition where it takes
    part, else from the one that was chosen more often, whatever the order of the names. So are the curves."""
    chosen: dict[str, int] = {}
    found = {}
    for row in rows:
        name = row["contrast"]
        chosen[name] = chosen.get(name, 0) + 2 * (row["k"] or 0) - (row["n"] or 0)
        a, b = row["condition_a"], row["condition_b"]
        found[name] = b == real or (a != real and chosen[name] < 0)
    return found


def turned(table: pd.DataFrame, real: str | None) -> pd.DataFrame:
    """Return preference.csv with every contrast seen from the condition that it faces (`facing`).

    Adds winner, loser and series ("real over crn"); the curves are seen from the same side.
    """
    flip = facing(records(table), real)
    rows = [oriented(row, flip=flip[row["contrast"]]) for row in records(table)]
    found = pd.DataFrame(rows, columns=[*table.columns, "winner", "loser"])
    return found.assign(series=found["winner"] + " over " + found["loser"])


def preference_tex(
    table: pd.DataFrame, alpha: float, level: float = 0.95, cluster: Cluster = STANDARD, *, simulated: bool
) -> str:
    """Return preference.tex (booktabs): contrasts as columns, exposures as rows; or one row a cell, of many
    contrasts and in unlimited time.

    table: as `turned` gives it. A star marks adjusted p-values below `alpha`. level, cluster: of the
    intervals.
    """
    head = ["% Needs \\usepackage{booktabs}. Made by Glimpse."]
    if simulated:
        head.append("% SIMULATED ANSWERS: not evidence about people.")
    limited = bool(table["exposure_ms"].notna().all())
    wide = table["contrast"].nunique() <= MANY_CONTRASTS
    body = _tex_matrix(table, alpha) if limited and wide else _tex_rows(table, alpha, limited=limited)
    mark = " \\textbf{Simulated answers.}" if simulated else ""
    shown = level_text(level).replace(f"{NBSP}%", r"\,\%")
    note = [
        f"% Caption: Preference rates (per cent) with {shown} intervals",
        f"%   ({cluster.clustered});",
        f"%   $^*$ adjusted $p < {alpha:g}$ against chance (50).{mark}",
    ]
    return "\n".join([*head, *note, *body]) + "\n"


def _tex_cell(row: Mapping[str, Any], alpha: float) -> str:
    if not row["n"] or not math.isfinite(row["low"]):
        return "--"
    star = "$^*$" if row["p_adjusted"] < alpha else ""
    return f"{100 * row['rate']:.1f}{star} ({100 * row['low']:.1f}--{100 * row['high']:.1f})"


def _tex_blocks(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each question, by its name; all rows, by no name, where there is one question."""
    if "question" not in table:
        return [("", table)]
    return [(str(name), table[table["question"] == name]) for name in dict.fromkeys(table["question"])]


def _tex_body(blocks: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Lines of a table below its head; each question's are set apart, with its name before the first."""
    lines: list[str] = []
    for name, rows in blocks:
        lines += ["\\midrule"]
        names = [f"{tex(name)} & ", *[" & "] * (len(rows) - 1)] if name else [""] * len(rows)
        lines += [first + row for first, row in zip(names, rows, strict=True)]
    return [*lines, "\\bottomrule", "\\end{tabular}"]


def _tex_matrix(table: pd.DataFrame, alpha: float) -> list[str]:
    names, blocks = list(dict.fromkeys(table["series"])), _tex_blocks(table)
    rows: list[tuple[str, list[str]]] = []
    for question, own in blocks:
        lines = []
        for exposure_ms in sorted(own["exposure_ms"].unique()):
            row = own[own["exposure_ms"] == exposure_ms]
            cells = {cell["series"]: _tex_cell(cell, alpha) for cell in records(row)}
            label = exposure(exposure_ms).removesuffix(f"{NBSP}s")
            lines.append(f"{label} & " + " & ".join(cells.get(name, "--") for name in names) + r" \\")
        rows.append((question, lines))
    asked, column = ("Question & ", "l") if "question" in table else ("", "")
    head = [f"\\begin{{tabular}}{{{column}r{'r' * len(names)}}}", "\\toprule"]
    head.append(f"{asked}Exposure (s) & " + " & ".join(tex(name) for name in names) + r" \\")
    return [*head, *_tex_body(rows)]


def _tex_rows(table: pd.DataFrame, alpha: float, *, limited: bool) -> list[str]:
    asked, column = ("Question & ", "l") if "question" in table else ("", "")
    counted = " & ".join(COLUMNS[name].heading for name in ("n", "n_workers", "n_pairs"))
    times, right = (" & Exposure (s)", "r") if limited else ("", "")
    head = [f"\\begin{{tabular}}{{{column}l{right}rrrrr}}", "\\toprule"]
    head.append(f"{asked}Contrast{times} & Preference rate & {counted} & $p$ (adjusted) \\\\")
    return [
        *head,
        *_tex_body(
            (question, [_tex_row(row, alpha, limited=limited) for row in records(own)])
            for question, own in _tex_blocks(table)
        ),
    ]


def _tex_row(row: Mapping[str, Any], alpha: float, *, limited: bool) -> str:
    at = f" & {exposure(row['exposure_ms']).removesuffix(f'{NBSP}s')}" if limited else ""
    p = p_text(row["p_adjusted"]).replace(NBSP, "").replace("<", "$<$").replace(DASH, "--")
    return (
        f"{tex(row['series'])}{at} & {_tex_cell(row, alpha)} & {row['n']} & {row['n_workers']} & "
        f"{row['n_pairs']} & {p} \\\\"
    )
