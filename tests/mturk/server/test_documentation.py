"""docs/server-operations.md names every operation, and only tests that there are."""

import re
from pathlib import Path

from botocore import xform_name

from glimpse.mturk.server.protocol.wire import model

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/server-operations.md").read_text()
ROWS = re.findall(r"^\| ([A-Z]\w+) \|.*\| `(test_\w+\.py)::(test_\w+)` \|$", TEXT, re.MULTILINE)


def test_every_operation_has_its_row():
    assert sorted(name for name, _, _ in ROWS) == sorted(model().operation_names)


def test_every_test_that_is_named_exists_and_calls_its_operation():
    for file, name in re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT):
        source = (Path(__file__).parent / file).read_text()
        assert f"def {name}(" in source, f"{file}::{name}"
    for operation, file, name in ROWS:
        source = (Path(__file__).parent / file).read_text()
        test = next(
            part for part in re.split(r"^def ", source, flags=re.MULTILINE) if part.startswith(f"{name}(")
        )
        helper = {"CreateQualificationType": "_type(turk", "GetHIT": "status(turk"}.get(operation, "(none)")
        assert xform_name(operation) in test or helper in test, operation
