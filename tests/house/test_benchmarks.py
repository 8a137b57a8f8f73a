"""The benchmarks are run by hand; what they import from Glimpse is there all the same."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

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
