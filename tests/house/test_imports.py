"""The direction of imports: the three packages never import one another, and each keeps to its libraries."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("crn", "mturk", "analysis")
FORBIDDEN = {
    "crn": {"mturk", "analysis", "cli", "boto3", "botocore"},
    "mturk": {"crn", "analysis", "cli", "torch"},
    "analysis": {"crn", "mturk", "cli", "torch", "boto3", "botocore"},
    "templates": {"crn", "mturk", "analysis", "cli", "torch", "boto3", "botocore"},
}


def imported(path: Path) -> set[str]:
    """Return the top-level names that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_imports_only_what_it_may(package):
    assert files(package), f"{package}/ has no Python files"
    turned = {str(path.relative_to(ROOT)): imported(path) & FORBIDDEN[package] for path in files(package)}
    assert {path: names for path, names in turned.items() if names} == {}


def test_relative_imports_do_not_leave_a_package():
    for package in PACKAGES:
        for path in files(package):
            depth = len(path.relative_to(ROOT).parts) - 1
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom):
                    assert node.level <= depth, f"{path}: a relative import leaves {package}"


@pytest.mark.parametrize("path", [p for package in FORBIDDEN for p in files(package)], ids=str)
def test_no_file_outgrows_a_reader(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 420
