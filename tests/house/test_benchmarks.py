"""Benchmarks are run by hand; what they import from Glimpse is there all the same, and their options hold."""

import argparse
import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from benchmarks._sizes import some_of, whole_number

FILES = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.py"))


def imported(source):
    """Yield (module, name) of every import from Glimpse, in scripts that stand in a text, too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "glimpse":
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant) and "\nfrom glimpse" in str(node.value):
            yield from imported(node.value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_benchmark_imports_is_there(path):
    for module, name in imported(path.read_text(encoding="utf-8")):
        found = import_module(module)
        assert hasattr(found, name) or import_module(f"{module}.{name}"), f"{module} has no {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_number_that_a_benchmark_cannot_run_with_is_refused(path):
    """`type=int` lets 0 and -1 in; whole_number states the least."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "type":
            assert ast.unparse(node.value) not in {"int", "float"}, f"{path.name}, line {node.value.lineno}"


@pytest.mark.parametrize("text", ["0", "-1", "11", "1.5", "x", "", "²", "--1"])
def test_a_number_out_of_range_is_refused_in_words(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number from 1 to 10"):
        whole_number(1, 10)(text)


def test_numbers_and_names_are_read():
    assert [whole_number(1, 10)(text) for text in ("1", "10")] == [1, 10]
    assert some_of(["a", "b"])("b,a") == ["b", "a"]
    with pytest.raises(argparse.ArgumentTypeError, match="'c' is none of a, b"):
        some_of(["a", "b"])("a,c")


def test_what_a_gpu_would_show_runs_on_a_processor_as_well():
    from benchmarks import gpu

    narrow = {"widths": (4,) * 4, "plan": gpu.NARROW}
    for changes in gpu.KINDS.values():
        seconds, gib = gpu.step("cpu", (32, 64), 1, changes, **narrow)
        assert seconds > 0
        assert gib == 0
    (image, loss, gradients), again = (gpu.one_pass("cpu", torch.float64) for _ in range(2))
    assert image.shape == (1, 3, 128, 256)
    assert loss == again[1]
    assert gradients.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("collecting.py --assignments 3 --hits 1", "publishing 1 HITs"),
        pytest.param(
            "collecting.py --assignments 101 --hits 3", "publishing 3 HITs", marks=pytest.mark.exhaustive
        ),
        ("analysis.py --only json --judgments 1", "2,200 judgments"),
        ("planning.py --trials 1", "loop_to_plan"),
        ("clips.py --clips 1 --size 16 --repeats 1", "by hand, all cores each"),
        ("stopping.py --studies 1", "4 HITs x 200 workers x 3 pairs | 0.9"),
    ],
)
def test_a_benchmark_runs_with_its_smallest_size(words, said):
    script, *options = words.split()
    run = subprocess.run(
        [sys.executable, str(FILES[0].parent / script), *options], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert said in run.stdout


def test_a_name_that_is_none_is_refused_before_anything_runs():
    command = [sys.executable, str(FILES[0].parent / "analysis.py"), "--only", "scale,nothing"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "'nothing' is none of bootstrap, variance, ranking, curve, scale, json, study" in run.stderr
    assert not run.stdout
