"""Every command line of the README and the guides is run, in order, as a reader would type it.

A guide's `sh` blocks run in one new folder. HTML comments before a block, invisible to readers, say what the
test must do that a reader has done already: `<!-- given: NAME -->` calls `given_NAME(folder)` of guides.py
(or, `no_server`, ends what runs in the background),
`<!-- shorter: WORDS -->` appends options to each command of the next block so that it ends in seconds,
`<!-- needs: MODULE -->` leaves out what belongs to the next block where an optional module is not installed,
and `<!-- not run: REASON -->` leaves it out wherever it is.
"""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house import guides

ROOT = Path(__file__).parents[2]
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHERS = [
    *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md")),
    *(ROOT / name / "README.md" for name in ("examples", "crn/kernels", "crn/weights")),
]
COMMAND = re.compile(r"^\s*(\$ )?(python cli\.py|glimpse) ")
TOKEN = re.compile(
    r"<!-- (given|needs|not run|shorter): (.*?) -->|^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Line:
    words: list[str]
    background: bool


def lines_of(block: str, shorter: str) -> list[Line]:
    """Split a block into command lines: continuations joined, comments and empty lines left out."""
    found = []
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        background = words[-1] == "&"
        found.append(Line([*words[: -1 if background else None], *shlex.split(shorter)], background))
    return found


def prepare(folder: Path) -> None:
    """Make `python cli.py` work in a folder that holds nothing else; servers take any port that is free."""
    (folder / "cli.py").write_text(
        f"import runpy, sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "if sys.argv[1:2] == ['serve']: sys.argv[2:2] = ['--port', '0']\n"
        f"runpy.run_path({str(ROOT / 'cli.py')!r}, run_name='__main__')\n"
    )


def run_guide(text: str, folder: Path) -> tuple[int, list[str]]:
    """Run a guide's blocks in order; return how many commands it has, and which modules some of them lack.

    Servers are stopped at the end.
    """
    prepare(folder)
    shorter, count, left_out, servers, missing = "", 0, False, [], []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "BROWSER": "true"}
    try:
        for kind, value, block in TOKEN.findall(text):
            if kind == "needs":
                left_out = importlib.util.find_spec(value.strip()) is None
                missing += [value.strip()] if left_out else []
            elif kind == "not run":
                left_out = True
            elif left_out:
                count += len(lines_of(block, ""))
                left_out = not block
            elif kind == "given":
                give(value.strip(), folder, servers)
            elif kind == "shorter":
                shorter = value
            else:
                for line in lines_of(block, shorter):
                    count += 1
                    if exports(line, folder, environment):
                        continue
                    words = [sys.executable if word == "python" else word for word in line.words]
                    process = subprocess.Popen(
                        words, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                    )  # fmt: skip
                    if line.background:
                        servers.append(process)
                        wait_for(folder / "server" / "endpoint")
                        continue
                    output, _ = process.communicate(timeout=600)
                    assert process.returncode == 0, f"{shlex.join(line.words)}\n{output}"
                    assert "Traceback" not in output
                shorter = ""
    finally:
        stop(servers)
    return count, missing


def give(name: str, folder: Path, servers: list[subprocess.Popen[str]]) -> None:
    """Lay out what a reader has by now; `no_server` ends what runs in the background."""
    if name == "no_server":
        stop(servers)
    else:
        getattr(guides, f"given_{name}")(folder)


def exports(line: Line, folder: Path, environment: dict[str, str]) -> bool:
    """Set a variable that a guide exports; the usual address is the one at which its server listens."""
    if line.words[0] != "export":
        return False
    name, _, value = line.words[1].partition("=")
    endpoint = (folder / "server" / "endpoint").read_text(encoding="utf-8").strip()
    environment[name] = value.replace("http://127.0.0.1:8080", endpoint)
    return True


def stop(servers: list[subprocess.Popen[str]]) -> None:
    while servers:
        server = servers.pop()
        server.terminate()
        server.communicate(timeout=120)


def wait_for(path: Path) -> None:
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} did not appear")


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_every_command_of_a_guide_runs(guide, tmp_path):
    text = guide.read_text(encoding="utf-8")
    expected = sum(len(lines_of(block, "")) for _, _, block in TOKEN.findall(text) if block)
    count, missing = run_guide(text, tmp_path)
    assert count == expected
    if missing:
        pytest.skip(f"without {' and '.join(missing)}, a part of a guide")


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_no_command_stands_where_it_is_not_run(guide):
    outside = TOKEN.sub("", guide.read_text(encoding="utf-8"))
    assert [line for line in outside.splitlines() if COMMAND.match(line)] == []


def test_make_targets_that_are_named_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for guide in [*GUIDES, ROOT / "CONTRIBUTING.md"]:
        for line in guide.read_text(encoding="utf-8").splitlines():
            if match := re.match(r"make ([a-z-]+)", line):
                assert match[1] in targets, f"{guide.name}: make {match[1]}"


@pytest.mark.parametrize("page", [*GUIDES, *OTHERS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_within_the_project_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).is_file(), f"{page.name}: {target}"
