"""Win matrix, leaderboard and rankings by group: against counts, by recovery, and turned about."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from glimpse.analysis.statistics.grouping import analysed
from glimpse.analysis.statistics.item_groups import ONE_ITEM, agreement_of_groups, group_rankings
from glimpse.analysis.statistics.preference import preference_table
from glimpse.analysis.statistics.ranking import rank_conditions
from glimpse.analysis.statistics.win_matrix import leaderboard, win_matrix

NAMES = ("best", "good", "poor", "worst")
STRENGTHS = {"best": 1.0, "good": 0.4, "poor": -0.4, "worst": -1.0}


def judgments(seed=0, workers=24, items=12, strengths=STRENGTHS, flipped=(), exposure=np.nan):
    """Every worker judges every item in each contrast; on `flipped` items the weaker ones win."""
    rng = np.random.default_rng(seed)
    names, rows = tuple(strengths), []
    for item in range(items):
        sign = -1 if item in flipped else 1
        for place, a in enumerate(names):
            for b in names[:place]:
                chance = special.expit(sign * (strengths[a] - strengths[b]))
                chose = rng.random(workers) < chance
                left = rng.random() < 0.5
                rows.append(pd.DataFrame({
                    "worker": np.arange(workers), "item_a": f"i{item}", "item_b": f"i{item}",
                    "contrast": f"{a}:{b}", "condition_a": a, "condition_b": b, "exposure_ms": exposure,
                    "pair": f"{a}{b}{item}", "chose_a": chose, "side_of_a": "left" if left else "right",
                    "chosen_side": np.where(chose == left, "left", "right"),
                }))  # fmt: skip
    table = pd.concat(rows, ignore_index=True)
    return table.assign(sentinel=False, excluded=False, reason="")


def both(frame):
    answers = analysed(frame)
    return preference_table(answers), rank_conditions(answers)


def test_every_two_conditions_are_there_in_both_orders():
    frame = judgments()
    table = win_matrix(*both(frame))
    assert len(table) == 12
    assert list(dict.fromkeys(table["condition"])) == list(NAMES)
    for row in table.itertuples():
        mine = frame[(frame["condition_a"] == row.condition) & (frame["condition_b"] == row.versus)]
        other = frame[(frame["condition_a"] == row.versus) & (frame["condition_b"] == row.condition)]
        won = mine["chose_a"].sum() + (~other["chose_a"]).sum()
        assert (row.n, row.rate) == (len(mine) + len(other), pytest.approx(won / row.n))
        assert row.low < row.rate < row.high
        assert row.expected == pytest.approx(row.rate, abs=0.12)
    there = table.set_index(["condition", "versus"])
    back = there.swaplevel().loc[there.index]
    assert there["rate"].to_numpy() == pytest.approx(1 - back["rate"].to_numpy())
    assert there["low"].to_numpy() == pytest.approx(1 - back["high"].to_numpy())


def test_the_leaderboard_goes_by_rank_set():
    preference, rankings = both(judgments(1))
    board = leaderboard(rankings, preference)
    assert board["condition"].tolist() == list(NAMES)
    keys = list(zip(board["rank_low"], board["rank_high"], board["rank"], strict=True))
    assert keys == sorted(keys)
    assert (board["rank_low"] <= board["rank"]).all()
    assert (board["rank"] <= board["rank_high"]).all()
    assert board["n"].tolist() == [24 * 12 * 3] * 4
    assert board["wins"].mean() == pytest.approx(0.5)
    assert board["wins"].is_monotonic_decreasing
    wide, narrow = board["high"] - board["low"], np.subtract(rankings[0].high, rankings[0].low)
    assert (wide.to_numpy() > narrow).all()


def test_equal_conditions_share_all_ranks_and_names_do_not_matter():
    frame = judgments(2, strengths=dict.fromkeys(NAMES, 0.0))
    board = leaderboard(rank_conditions(frame), preference_table(analysed(frame)))
    assert set(zip(board["rank_low"], board["rank_high"], strict=True)) == {(1, 4)}
    other = {name: f"{9 - place}-{name}" for place, name in enumerate(NAMES)}
    renamed = judgments(2).assign(
        **{side: judgments(2)[side].map(other) for side in ("condition_a", "condition_b")}
    )
    renamed["contrast"] = renamed["condition_a"] + ":" + renamed["condition_b"]
    one, two = (leaderboard(rank_conditions(own), preference_table(analysed(own)))
                for own in (judgments(2), renamed))  # fmt: skip
    assert two["condition"].tolist() == [other[name] for name in one["condition"]]
    assert two["rank_low"].tolist() == one["rank_low"].tolist()


def test_nothing_is_on_the_board_where_errors_cannot_be_had():
    frame = judgments(workers=1)
    assert leaderboard(rank_conditions(frame), preference_table(analysed(frame))).empty


def test_groups_are_ranked_by_themselves():
    frame = judgments(3, flipped=range(6, 9))
    groups = {f"i{item}": "faces" if item < 6 else "text" for item in range(9)}
    table = group_rankings(analysed(frame), groups)
    leaders = table[table["rank"] == 1].set_index("group")["condition"]
    assert leaders.to_dict() == {"faces": "best", "text": "worst"}
    assert table.groupby("group")["items"].first().to_dict() == {"faces": 6, "text": 3}
    assert table.groupby("group")["n"].first().to_dict() == {"faces": 24 * 6 * 6, "text": 24 * 3 * 6}
    # The same numbers as of these answers alone.
    alone = rank_conditions(frame[frame["item_a"].isin([f"i{item}" for item in range(6)])])[0]
    faces = table[table["group"] == "faces"]
    assert faces["strength"].tolist() == pytest.approx(alone.strengths)
    assert faces["low"].tolist() == pytest.approx(alone.low)
    assert faces["high"].tolist() == pytest.approx(alone.high)
    agree = agreement_of_groups(table).set_index("group")["correlation"]
    assert (agree < -0.8).all()


def test_a_group_of_one_item_is_judged_by_its_workers_alone():
    frame = judgments(4, items=3)
    table = group_rankings(analysed(frame), {"i0": "one", "i1": "two", "i2": "two"})
    one = table[table["group"] == "one"]
    assert one["note"].str.contains(ONE_ITEM, regex=False).all()
    assert one["low"].notna().all()
    assert not table[table["group"] == "two"]["note"].str.contains("one item").any()


def test_pairs_of_two_groups_count_in_neither_and_no_groups_give_no_rows():
    frame = judgments(5)
    mixed = frame.assign(item_b="i0")
    table = group_rankings(analysed(mixed), {"i0": "a", **{f"i{item}": "b" for item in range(1, 12)}})
    assert table["group"].unique().tolist() == ["a"]
    assert table["n"].iloc[0] == 24 * 6
    assert group_rankings(analysed(frame), {}).empty
    assert agreement_of_groups(group_rankings(analysed(frame), {})).empty
