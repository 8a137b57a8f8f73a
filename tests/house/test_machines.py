"""The tests themselves: they pass on slow machines as on fast ones, and say in plain words what they skip."""

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import skipped_line

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))
CLOCKS = {
    "monotonic",
    "perf_counter",
    "process_time",
    "thread_time",
    "time",
    "monotonic_ns",
    "perf_counter_ns",
}


def reads_a_clock(node: ast.AST) -> bool:
    """Tell whether an expression calls `time.monotonic()` or one of its kind; other calls hide theirs."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and ast.unparse(node.func) in {
            f"time.{c}" for c in CLOCKS
        }
    return isinstance(node, ast.BinOp) and (reads_a_clock(node.left) or reads_a_clock(node.right))


def asserted_durations(tree: ast.AST) -> list[int]:
    """List the lines of assertions that compare a clock, or a name that was set by one."""
    clocks = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and reads_a_clock(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def timed(node: ast.AST) -> bool:
        if isinstance(node, ast.BinOp):
            return timed(node.left) or timed(node.right)
        return reads_a_clock(node) or (isinstance(node, ast.Name) and node.id in clocks)

    compared = [
        (assertion.lineno, [node.left, *node.comparators])
        for assertion in ast.walk(tree)
        if isinstance(assertion, ast.Assert)
        for node in ast.walk(assertion.test)
        if isinstance(node, ast.Compare)
    ]
    return [line for line, sides in compared if any(map(timed, sides))]


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("assert time.monotonic() < begun + 5", [1]),
        ("begun = time.time()\ntook = time.time() - begun\nassert took < 2", [3]),
        ("begun = time.perf_counter()\nassert begun > 0 and len(x) == 3", [2]),
        ("assert verify(keys, time.time()) == 'KEY'", []),
        ("while time.monotonic() < deadline: pass", []),
        ("took = len(x)\nassert took < 2", []),
    ],
)
def test_what_counts_as_an_asserted_duration(code, lines):
    assert asserted_durations(ast.parse(code)) == lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_no_test_asserts_how_long_something_takes(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert asserted_durations(tree) == []
    if path != TESTS / "conftest.py":  # the one profile is registered there, without a deadline
        given = [node for node in ast.walk(tree) if isinstance(node, ast.keyword)]
        assert [node.lineno for node in given if node.arg in {"deadline", "suppress_health_check"}] == []


def reasons(tree: ast.AST) -> list[str]:
    """List the reasons for which a file skips tests."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    skips = [call for call in calls if re.search(r"pytest\.(mark\.)?skip(if)?$", ast.unparse(call.func))]
    given = [call.args[:1] for call in skips if ast.unparse(call.func) == "pytest.skip"]
    given += [[keyword.value for keyword in call.keywords if keyword.arg == "reason"] for call in skips]
    return [value.value for values in given for value in values if isinstance(value, ast.Constant)]


def test_reasons_for_skipping_follow_a_number():
    """So that the last line of a run reads `3 skipped: 2 without Chromium, 1 as root`."""
    found = {reason for path in FILES for reason in reasons(ast.parse(path.read_text(encoding="utf-8")))}
    assert "without Chromium" in found
    assert [reason for reason in found if not re.match(r"(without|while|as|left) \S", reason)] == []
    assert [reason for reason in found if len(reason) > 45] == []


def test_the_last_line_counts_what_was_skipped_by_reason():
    missing = "could not import 'psignifit': No module named 'psignifit'"
    assert (
        skipped_line(["without nginx", missing, "without nginx"])
        == "3 skipped: 2 without nginx, 1 without psignifit"
    )
    assert skipped_line([]) == "No test was skipped."


SUITE = """
import pytest

@pytest.mark.skip(reason="without nginx")
@pytest.mark.parametrize("number", [1, 2])
def test_one(number): pass

@pytest.mark.exhaustive
def test_two(): pass

def test_three(): pass
"""


@pytest.mark.parametrize("options", [("-n", "2", "--cov=."), ("--exhaustive",)], ids=" ".join)
def test_a_run_ends_with_what_was_skipped(pytester, options):
    pytester.makeconftest((TESTS / "conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers =\n    exhaustive: x\n    slow: x\n")
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess(*options)
    last = "3 skipped: 2 without nginx, 1 left to `make test-all`"
    assert result.outlines[-1] == ("2 skipped: 2 without nginx" if "--exhaustive" in options else last)
