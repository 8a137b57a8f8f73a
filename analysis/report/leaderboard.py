"""The ranking as a table for a paper: by rank set, at the longest exposure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .formats import NBSP, exposure, level_text
from .tables import records, tex

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD = ("Rank", "Condition", "Strength", "Chosen (\\%)", "Answers")


def several_pairs(wins: pd.DataFrame) -> bool:
    """Tell whether a win matrix has more than one pair, which the preference table says by itself."""
    return wins["condition"].nunique() > 2


def last_board(board: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the longest exposure; unlimited time is the longest."""
    if board.empty:
        return board
    at = board["exposure_ms"]
    last = at.isna() if at.isna().any() else at == at.max()
    return board[last].reset_index(drop=True)


def rank_set(row: Mapping[str, Any]) -> str:
    """Return a rank set in words.

    >>> rank_set({"rank_low": 2, "rank_high": 4}), rank_set({"rank_low": 1, "rank_high": 1})
    ('2\u20134', '1')
    """
    low, high = int(row["rank_low"]), int(row["rank_high"])
    return str(low) if low == high else f"{low}\u2013{high}"


def leaderboard_tex(board: pd.DataFrame, level: float, *, simulated: bool) -> str:
    """Return leaderboard.tex (booktabs), of each question its longest exposure.

    board: leaderboard.csv, with `question` where there are several.
    """
    blocks = (
        [(str(name), own) for name, own in board.groupby("question", sort=False)]
        if "question" in board
        else [("", board)]
    )
    shown = level_text(level).replace(f"{NBSP}%", r"\,\%")
    lines = ["% Needs \\usepackage{booktabs}. Made by Glimpse."]
    lines += ["% SIMULATED ANSWERS: not evidence about people."] if simulated else []
    lines += [
        "% Caption: Conditions by rank set. Rank sets, and intervals of Bradley-Terry strengths (log odds),",
        f"%   each hold for all conditions at once ({shown}). Chosen: beside each other one, on average.",
        "\\begin{tabular}{llrrr}",
        "\\toprule",
        " & ".join(HEAD) + r" \\",
    ]
    for name, own in blocks:
        last = last_board(own)
        at = last["exposure_ms"].iloc[0]
        about = ", ".join(filter(None, [tex(name), "" if pd.isna(at) else exposure(at).replace(NBSP, "~")]))
        lines += ["\\midrule"]
        lines += [f"\\multicolumn{{5}}{{l}}{{{about}}} \\\\"] if about else []
        lines += [_row(row) for row in records(last)]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


def _row(row: Mapping[str, Any]) -> str:
    ends = f"{row['low']:.2f} to {row['high']:.2f}".replace("-", "$-$")
    strength = f"{row['strength']:.2f}".replace("-", "$-$")
    rank = rank_set(row).replace("\u2013", "--")
    return (
        f"{rank} & {tex(row['condition'])} & {strength} ({ends}) & {100 * row['wins']:.1f} & {row['n']} \\\\"
    )
