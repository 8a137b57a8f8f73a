"""The rule that a study may state for stopping: typed, written, read, refused."""

import json

import pytest

from glimpse.errors import GlimpseError
from glimpse.experiment import Experiment, designed, preset
from glimpse.stated import check_stated, stop_rule
from glimpse.stop_rule import StopRule

CONTRASTS = (("crn", "real"), ("pix2pix", "real"))


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("excludes-chance", StopRule(excludes=0.5)),
        (
            "excludes=0.6, level=0.99, contrast=crn:real",
            StopRule(excludes=0.6, level=0.99, contrasts=(("crn", "real"),)),
        ),
        ("width=0.10 exposure=all", StopRule(width=0.1, exposures_ms="all")),
        (
            "width=.1 excludes-chance contrast=a:b contrast=c:d exposure=500 exposure=1000",
            StopRule(0.5, 0.1, contrasts=(("a", "b"), ("c", "d")), exposures_ms=(500, 1000)),
        ),
    ],
)
def test_what_is_typed_is_the_rule(typed, rule):
    assert StopRule.parse(typed) == rule
    assert StopRule.from_json(json.loads(json.dumps(rule.to_json()))) == rule


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "says neither what the interval must leave out nor its width; for example"),
        ("level=0.9", "says neither"),
        ("excludes=0.7", "excludes=0.7 needs a contrast, which says whose rate is meant"),
        ("chance", "'chance' is no part of a rule; allowed are excludes-chance, excludes=RATE"),
        ("width", "'width' is no part of a rule"),
        ("width=wide", "width is 'wide'; it must be a number between 0 and 1"),
        ("width=10", "width is 10.0; it must be a number between 0 and 1"),
        ("width=nan", "width is nan; it must be"),
        ("excludes-chance level=1", "level is 1.0"),
        ("excludes-chance level=0.9999999", "level is 0.9999999; the highest is 0.999999"),
        ("width=0.1 width=0.2", "says width twice, the second time as 'width=0.2'; say it once"),
        ("excludes-chance excludes=0.6", "says excludes twice"),
        ("excludes-chance contrast=crn", "'contrast=crn' is no part"),
        ("excludes-chance exposure=2s", "'exposure=2s' is no part"),
        ("excludes-chance exposure=all exposure=500", "exposure=longest and exposure=all stand alone"),
    ],
)
def test_what_is_no_rule_is_named(typed, message):
    with pytest.raises(GlimpseError, match=message):
        StopRule.parse(typed)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("excludes-chance", "stop_when is 'excludes-chance'; it must be an object"),
        ({"excludes": 0.5, "when": 3}, "unknown keys: when. Known are excludes, width, level"),
        ({"excludes": True}, "excludes is True"),
        ({"width": "0.1"}, "width is '0.1'"),
        ({"width": 0.1, "contrasts": []}, "contrasts is \\[\\]; allowed are 'all' or a list of pairs"),
        ({"width": 0.1, "contrasts": [["a", 3]]}, "contrasts is"),
        ({"width": 0.1, "exposures_ms": "shortest"}, "exposures_ms is 'shortest'; allowed are 'longest'"),
        ({"width": 0.1, "exposures_ms": []}, "exposures_ms is \\(\\)"),
        ({"width": 0.1, "exposures_ms": [[5]]}, "exposures_ms is"),
    ],
)  # fmt: skip
def test_a_study_that_states_no_rule_rightly_is_refused(value, message):
    with pytest.raises(GlimpseError, match=message):
        StopRule.from_json(value)
    with pytest.raises(GlimpseError, match=r"here/study\.json: experiment\.stop_when"):
        check_stated({"mode": "limited-time", "stop_when": value}, "here/study.json")


def test_it_means_cells_of_the_study():
    rule = StopRule(excludes=0.5)
    assert rule.cells(CONTRASTS, (125, 8000)) == [(CONTRASTS[0], 8000), (CONTRASTS[1], 8000)]
    assert rule.cells(CONTRASTS, (None,)) == [(CONTRASTS[0], None), (CONTRASTS[1], None)]
    some = StopRule(excludes=0.5, contrasts=(("real", "crn"),), exposures_ms="all")
    assert some.cells(CONTRASTS, (125, 8000)) == [(CONTRASTS[0], 125), (CONTRASTS[0], 8000)]


def test_it_holds_only_where_all_of_it_does():
    rule = StopRule(excludes=0.5, width=0.1)
    assert rule.holds(0.51, 0.6)
    assert rule.holds(0.4, 0.49)
    assert not rule.holds(0.5, 0.6)  # the end belongs to the interval
    assert not rule.holds(0.51, 0.62)


def test_it_is_told_in_words():
    assert StopRule(width=0.1, level=0.99).text(limited=False) == (
        "the 99 % interval is at most 10 percentage points wide in every contrast"
    )
    assert StopRule(0.5, 0.07, contrasts=(("a", "b"),), exposures_ms=(125, 2000)).text() == (
        "the 95 % interval leaves out 50 % and is at most 7 percentage points wide in a:b at 1/8 s and 2 s"
    )


def rules(**numbers):
    return designed(
        preset("limited-time"), contrasts=CONTRASTS, real="real", sentinel="image-space", **numbers
    )


def test_a_study_carries_its_rule():
    experiment = rules(stop_when=StopRule(excludes=0.5))
    stated = experiment.to_json()
    assert stated["stop_when"] == {
        "excludes": 0.5, "width": None, "level": 0.95, "contrasts": "all", "exposures_ms": "longest",
    }  # fmt: skip
    assert Experiment.from_json(json.loads(json.dumps(stated))) == experiment
    assert stop_rule(stated) == experiment.stop_when


def test_a_study_without_a_rule_says_nothing_of_it():
    """Its file is that of earlier versions, byte by byte; theirs are read."""
    stated = rules().to_json()
    assert "stop_when" not in stated
    assert Experiment.from_json(stated).stop_when is None
    assert stop_rule(stated) is None


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (StopRule(0.5, contrasts=(("crn", "gan"),)), "names the contrast crn:gan; the study has crn:real"),
        (StopRule(0.5, exposures_ms=(300,)), "names the exposure 300 ms; the study's exposures are 125"),
    ],
)  # fmt: skip
def test_a_rule_of_what_the_study_lacks_is_refused(rule, message):
    with pytest.raises(GlimpseError, match=message):
        rules(stop_when=rule)


def test_a_rate_is_that_of_the_condition_named_first():
    rule = StopRule(excludes=0.7, contrasts=(("real", "crn"),))
    assert rule.seen_from(("real", "crn")) == rule
    assert rule.seen_from(("crn", "real")).excludes == pytest.approx(0.3)
    # 0 to 0.25 of crn over real is 0.75 to 1 of real over crn, which leaves 0.7 out.
    assert rule.seen_from(("crn", "real")).holds(0.0, 0.25)
    assert not rule.seen_from(("crn", "real")).holds(0.0, 0.35)
    assert StopRule(width=0.1, contrasts=(("real", "crn"),)).seen_from(("crn", "real")).excludes is None
