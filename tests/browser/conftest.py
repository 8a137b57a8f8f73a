"""One browser for the tests of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.exposures import browser

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with browser() as found:
        yield found
