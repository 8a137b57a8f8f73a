"""An array kept as runs gives what the array itself would give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.analysis.statistics import runs as module
from glimpse.analysis.statistics.runs import Runs

LENGTHS = st.lists(st.integers(0, 5), max_size=12)


@given(lengths=LENGTHS, data=st.data())
def test_runs_are_read_as_the_array_is(lengths, data):
    value = np.arange(len(lengths))[::-1]
    plain = np.repeat(value, lengths)
    for runs in (Runs.counted(value, np.array(lengths, dtype=np.int64)), Runs.of(plain)):
        assert len(runs) == len(plain)
        start, stop = data.draw(st.integers(0, 70)), data.draw(st.integers(0, 70))
        assert runs[start:stop].tolist() == plain[start:stop].tolist()
        assert runs[:].dtype == np.int32
        if len(plain):
            at = np.array(data.draw(st.lists(st.integers(0, len(plain) - 1))), dtype=np.int64)
            assert runs[at].tolist() == plain[at].tolist()
            assert runs[plain % 2 == 0].tolist() == plain[plain % 2 == 0].tolist()
            names = np.array([f"a{number}" for number in range(len(lengths))])
            assert runs.spread(names).tolist() == names[plain].tolist()


def test_many_places_are_looked_up_some_at_a_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    plain = np.repeat([3, 1, 2], [5, 7, 4])
    at = np.array([15, 0, 6, 5, 4, 11, 12, 3, 3])
    assert Runs.of(plain)[at].tolist() == plain[at].tolist()
