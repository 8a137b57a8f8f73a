"""Where SQL may stand, in which direction imports go, and that forgetting somebody reaches every table."""

import ast
import re
import sqlite3
from pathlib import Path

import pytest

from glimpse.mturk.server.storage import schema, workers

ROOT = Path(__file__).parents[3]
SERVER = ROOT / "mturk/server"
STORAGE = SERVER / "storage"
# From what knows least to what knows all; each may import itself and those before it.
LAYERS = (
    "clock",
    "connections",
    "protocol",
    "storage",
    "site",
    "layouts",
    "operations",
    "pages",
    "app",
    "running",
    "backup",
)

SQL = re.compile(
    r"\s*(SELECT|INSERT (OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM|CREATE (TABLE|(UNIQUE )?INDEX)|PRAGMA)\b"
)
OF_TRANSACTIONS = {"run", "insert", "one", "all"}


def product():
    """Return every file of the product outside storage, with its syntax tree."""
    for folder in ("crn", "mturk", "analysis", "glimpse"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if STORAGE not in path.parents:
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def speaks_sql(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return SQL.match(node.value)
    if isinstance(node, ast.Import):
        return any(alias.name == "sqlite3" for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module == "sqlite3"
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id == "tx" and node.attr in OF_TRANSACTIONS
    return False


def test_sql_stands_in_storage_alone():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in product()
        for node in ast.walk(tree)
        if speaks_sql(node)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line", ["import sqlite3", "x = 'SELECT 1'", "tx.one(x)", "y = f'DELETE FROM {table}'"]
)
def test_that_test_would_find(line):
    assert any(speaks_sql(node) for node in ast.walk(ast.parse(line)))


def module_of(path):
    return ".".join(path.relative_to(SERVER).with_suffix("").parts).removesuffix(".__init__")


def imported_by(path, modules):
    """Return the modules of the server that a file imports anywhere, for type checking too."""
    found = set()
    package = [*path.relative_to(SERVER).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and 0 < node.level <= len(package) + 1:
            base = package[: len(package) + 1 - node.level] + (node.module or "").split(".")
            base = [part for part in base if part]
            for alias in node.names:
                inside = ".".join([*base, alias.name])
                found.add(inside if inside in modules else ".".join(base))
    return found & modules


def imports():
    """Return, by module of the server, which others it imports."""
    paths = {module_of(path): path for path in SERVER.rglob("*.py") if path != SERVER / "__init__.py"}
    return {module: imported_by(path, set(paths)) for module, path in paths.items()}


def test_imports_go_one_way():
    graph = imports()
    assert len(graph) > 40
    layer = {module: LAYERS.index(module.partition(".")[0]) for module in graph}
    wrong = [
        f"{module} imports {other}"
        for module in graph
        for other in graph[module]
        if layer[other] > layer[module]
    ]
    assert wrong == []


def test_no_imports_run_in_a_circle():
    graph = imports()
    while free := [module for module, others in graph.items() if not others & graph.keys()]:
        for module in free:
            del graph[module]
    assert graph == {}


def test_forgetting_somebody_reaches_every_table_that_names_workers():
    connection = sqlite3.connect(":memory:")
    connection.executescript(schema.SCHEMA)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    named = {
        table
        for table in tables
        if any(row[1] == "worker_id" for row in connection.execute(f"PRAGMA table_info ({table})"))
    }
    connection.close()
    assert named == {sql.split()[1] for sql in workers._TRACES} | {"messages"}
