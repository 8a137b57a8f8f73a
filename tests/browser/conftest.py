"""One browser for the tests of a file, and windows of it; studies of clips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.clip_starts import unlimited, with_clips
from benchmarks.exposures import browser, make_study

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glimpse.study import Study


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture
def window(chrome: Any) -> Iterator[Any]:
    """A function that opens a window with a storage of its own; an error of a script in it fails the test."""
    windows: list[Any] = []
    errors: list[str] = []

    def opened(width: int = 1366, height: int = 768, **more: Any) -> Any:
        context = chrome.new_context(viewport={"width": width, "height": height}, **more)
        context.set_default_timeout(20_000)
        context.on("weberror", lambda found: errors.append(str(found.error)))
        windows.append(context)
        return context

    yield opened
    for context in windows:
        context.close()
    assert errors == []


@pytest.fixture
def tabs(window: Any) -> Any:
    """A window, for tabs that share its storage."""
    return window()


@pytest.fixture
def page(window: Any) -> Any:
    return window().new_page()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("unlimited"), unlimited(4), 8, (64, 64))


@pytest.fixture(scope="module")
def looping(still: Study) -> Study:
    return with_clips(still, frames=12)
