"""What may import what, between the packages and inside each; and how long files and functions get."""

from __future__ import annotations

import ast
import itertools
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("crn", "mturk", "analysis")
HEAVY = {
    "glimpse": {"torch", "boto3", "botocore", "pandas", "matplotlib", "uvicorn"},
    "crn": {"boto3", "botocore", "pandas", "uvicorn"},
    "mturk": {"torch", "pandas", "matplotlib"},
    "analysis": {"torch", "boto3", "botocore", "uvicorn"},
    "templates": {"torch", "boto3", "botocore"},
}
# From the top down: a layer imports those below it, and none above or beside it. What stands in one line
# never imports each other. A name is a folder, or one file.
LAYERS = {
    "glimpse": [
        ["__main__"],
        ["main", "demo"],
        ["console"],
        ["stopping"],
        ["counting", "duration"],
        ["drawn"],
        ["study", "sent", "clips", "blocks", "single_plan", "registration"],
        ["animated"],
        ["submission", "stated", "plan", "pixels"],
        ["trials", "people", "pricing", "precision", "experiment", "context", "forms"],
        ["files", "images", "tables", "toml"],
        ["single"],
        ["stop_rule", "language", "questions", "experiment_checks", "staircase"],
        ["text"],
        ["calling", "given"],
        ["allocation", "betting", "cells", "errors", "playing", "opening", "progress", "program", "version"],
    ],
    "crn": [
        ["commands", "api"],
        ["training", "synthesis"],
        ["kernels"],
        ["network"],
        ["losses"],
        ["data"],
        ["scenes"],
    ],
    "mturk": [
        ["commands", "api", "api_single"],
        ["api_spreading"],
        ["server/backup"],
        ["server/running"],
        ["server/app"],
        ["server/pages"],
        ["server/operations"],
        ["server/site", "server/layouts"],
        ["server/storage"],
        ["server/protocol", "server/clock", "server/connections"],
        ["recruiting"],
        ["collecting"],
        ["importing", "building"],
        ["publishing"],
        ["page"],
        ["design", "rehearsal"],
        ["panels"],
        ["answers"],
    ],
    "analysis": [
        ["commands", "api"],
        ["bundling", "registering"],
        ["report", "planning", "simulation"],
        ["figures"],
        ["statistics"],
        ["reading"],
    ],
}


def module_name(path: Path) -> str:
    """Return the name under which tests import a file: `glimpse.crn.data.labels`."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts if parts[0] == "glimpse" else ["glimpse", *parts])


FILES = {module_name(path): path for top in HEAVY for path in sorted((ROOT / top).rglob("*.py"))}


def names_in(node: ast.AST, package: str) -> list[str]:
    """Return the full names that one statement imports; relative ones are resolved within `package`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    base = ".".join([*parts, *filter(None, [node.module])])
    return [f"{base}.{alias.name}" for alias in node.names]


API = "glimpse"  # glimpse/__init__.py: it names the API, whose modules are imported when they are used


@cache
def imported(module: str) -> frozenset[str]:
    """Return what a module imports, anywhere in it: inside functions and for type checking, too."""
    path = FILES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(name for node in ast.walk(tree) for name in names_in(node, package))


@cache
def arrows(module: str) -> frozenset[str]:
    """Return the modules of ours that a module imports; a name inside a module is that module."""
    found = (name if name in FILES else name.rpartition(".")[0] for name in imported(module))
    return frozenset(name for name in found if name in FILES) - {module, API}


def home(module: str) -> tuple[str, str]:
    """Return a module's package and, within it, the layer's name: its longest match in LAYERS."""
    parts = module.split(".")[1:]
    package = parts.pop(0) if parts and parts[0] in {*PACKAGES, "templates"} else "glimpse"
    place = "/".join(parts)
    fitting = [
        name
        for name in itertools.chain.from_iterable(LAYERS.get(package, []))
        if f"{place}/".startswith(f"{name}/")
    ]
    return package, max(fitting, key=len, default="")


def test_the_reader_of_imports_reads_them_all():
    lines = "import a.b\nfrom ..c import d\nfrom . import e\ndef f():\n    from g.h import i, j"
    found = [name for node in ast.walk(ast.parse(lines)) for name in names_in(node, "glimpse.crn.data")]
    assert sorted(found) == ["a.b", "g.h.i", "g.h.j", "glimpse.crn.c.d", "glimpse.crn.data.e"]


@pytest.mark.parametrize("package", HEAVY)
def test_a_package_imports_only_what_it_may(package):
    """crn, mturk and analysis never import one another, glimpse none of them; each keeps to its libraries."""
    others = {"templates"} if package == "glimpse" else set()
    wrong = []
    for module in FILES:
        if home(module)[0] != package:
            continue
        outside = {name.split(".")[0] for name in imported(module)} & (HEAVY[package] | {"cli"})
        across = {home(name)[0] for name in arrows(module)} - {package, "glimpse"} - others
        across = set() if module == API else across
        wrong += [(module, outside | across)] if outside | across else []
    assert wrong == []


def test_no_imports_go_round_in_a_circle():
    try:
        TopologicalSorter({module: arrows(module) for module in FILES}).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("package", LAYERS)
def test_no_import_goes_up(package):
    """Each layer imports those below; the order is the table's above."""
    heights = {name: -row for row, names in enumerate(LAYERS[package]) for name in names}
    wrong = []
    for module in FILES:
        own, layer = home(module)
        if own != package or not layer:
            continue
        for target in arrows(module):
            there, other = home(target)
            if there == package and other not in {"", layer} and heights[other] >= heights[layer]:
                wrong.append(f"{module} imports {target}")
    assert wrong == []


@pytest.mark.parametrize("package", LAYERS)
def test_every_file_has_a_layer_and_every_layer_a_file(package):
    homes = {module: home(module)[1] for module in FILES if home(module)[0] == package}
    assert [
        module for module, layer in homes.items() if not layer and FILES[module].name != "__init__.py"
    ] == []
    assert set(itertools.chain.from_iterable(LAYERS[package])) - set(homes.values()) == set()


@pytest.mark.parametrize("module", FILES)
def test_no_file_and_no_function_outgrows_a_reader(module):
    """A file has up to 420 lines, a function up to 45 below its signature and docstring."""
    text = FILES[module].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 420
    long = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            long += [f"{node.name}: {lines}"] if lines > 45 else []
    assert long == []
