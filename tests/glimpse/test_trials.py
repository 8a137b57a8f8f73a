"""trials.csv: what the writer wrote is read, and whatever else comes ends in one message."""

import pytest

from glimpse.errors import GlimpseError
from glimpse.trials import TRIAL_COLUMNS, Trial, iterate_trials, read_trials, trials_csv

TRIAL = Trial("b1", "h1", 1, "t1", "crn:real", 125, False, None, "crn", "1", "aa", "real", "2", "bb")


def read(text):
    return list(read_trials(text.splitlines(keepends=True)))


def changed(**cells):
    row = dict(zip(TRIAL_COLUMNS, trials_csv([TRIAL]).splitlines()[1].split(","), strict=True)) | cells
    return ",".join(TRIAL_COLUMNS) + "\n" + ",".join(row.values()) + "\n"


def test_what_was_written_is_read(tmp_path):
    (tmp_path / "trials.csv").write_bytes(b"\xef\xbb\xbf" + trials_csv([TRIAL]).encode() + b"  \r\n")
    assert list(iterate_trials(tmp_path / "trials.csv")) == [TRIAL]
    without = [name for name in TRIAL_COLUMNS if name != "practice"]
    text = ",".join(without) + "\n" + trials_csv([TRIAL]).splitlines()[1].rsplit(",", 1)[0] + "\n"
    assert read(text) == [TRIAL]
    assert read(changed(position="", exposure_ms="62.5"))[0][2:6] == (0, "t1", "crn:real", 62.5)


@pytest.mark.parametrize("column", ["position", "exposure_ms"])
@pytest.mark.parametrize("text", ["9" * 5000, "1_0", "\u0663", "nan", "inf", "soon"])
def test_a_number_that_is_none_is_named(column, text):
    with pytest.raises(GlimpseError, match=f"trials.csv, line 2: {column} is '.*'; it must be a number"):
        read(changed(**{column: text}))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"exposure_ms": "-5"}, "exposure_ms is -5; it must be a positive number of ms, or empty"),
        ({"sentinel": "1"}, "correct_side is ''; it must be left or right"),
        ({"contrast": "crn:pix2pix"}, "contrast is 'crn:pix2pix'; it must be 'a:b' with the two conditions"),
        ({"stimulus_right": "aa"}, "stimulus_left is 'aa'; it must be the id of a stimulus, not the right"),
        ({"practice": "yes"}, "practice is 'yes'; it must be 0 or 1"),
        ({"item_left": ""}, "trial is 't1'; it must be followed by every column that may not be empty"),
    ],
)
def test_what_does_not_fit_is_named(cells, message):
    with pytest.raises(GlimpseError, match=message.replace("(", r"\(")):
        read(changed(**cells))


def test_a_trial_stands_once():
    with pytest.raises(GlimpseError, match="line 3: trial is 't1'; it must be unique within the study"):
        read(trials_csv([TRIAL, TRIAL]))
