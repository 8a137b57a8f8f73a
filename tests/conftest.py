"""What holds for every test: one Hypothesis profile, one thread, slow files first, and what was skipped."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING

# Before anything imports torch or numpy, so that a run is the same however many cores a machine has.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# And not by how fast a convolution happens to be: what a test says is not measured.
os.environ.setdefault("GLIMPSE_WINOGRAD_FROM", "0")

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

# No deadline, and no complaint about slow examples: how fast a machine is says nothing about the program.
settings.register_profile(
    "glimpse",
    deadline=None,
    derandomize="CI" in os.environ,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("glimpse")

LEFT_OUT = "left to `make test-all`"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--exhaustive", action="store_true", help="run the tests marked `exhaustive`, too")
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="what the server's tests run on",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is exhaustive; begin with the files of slow tests, so that no core waits at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    if not config.getoption("--exhaustive"):
        for item in items:
            if item.get_closest_marker("exhaustive"):
                item.add_marker(pytest.mark.skip(reason=LEFT_OUT))


def skipped_line(reasons: Iterable[str]) -> str:
    """Return how many tests were skipped and why, the commonest reason first."""
    plain = [
        re.sub(r"^could not import '(\w+).*", r"without \1", reason, flags=re.DOTALL) for reason in reasons
    ]
    if not plain:
        return "No test was skipped."
    counts = ", ".join(f"{count} {reason}" for reason, count in Counter(plain).most_common())
    return f"{len(plain)} skipped: {counts}"


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_unconfigure(config: pytest.Config) -> Generator[None]:
    """Write the last line of all, below coverage's table and pytest's own summary."""
    yield
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput") or config.option.collectonly:
        return
    reports = reporter.stats.get("skipped", [])
    reporter.write_line(skipped_line(report.longrepr[2].removeprefix("Skipped: ") for report in reports))
