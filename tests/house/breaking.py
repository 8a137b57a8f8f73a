"""Run a command again and again in processes of its own, each broken off at another place.

`python breaking.py SPECIFICATION.json` where the specification holds `template` (the folder to begin from,
copied for every run), `work` (where the copies go), `words` (the command), `imports` (modules to load once),
`kills` and `fulls` (how many places to try) and `sizes` (the N below).

Runs: `whole`, undisturbed; `killed-K`, killed before the K-th flush or rename; `full-K`, the disk full from
the K-th flush on; `short-N`, no file may grow beyond N bytes, so that a write itself fails. What is printed
goes to NAME.txt; after a kill or the first full disk the command runs once more, undisturbed, in NAME.again
(a copy of what was left) and prints to NAME.again.txt. Exit statuses go to `work`/statuses.json.
"""

import errno
import json
import os
import resource
import shutil
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KILLED = 137
STEPS = ("replace", "rename", "fsync", "sync")


def break_at(kind: str, place: int, counted: Path) -> None:
    """Make this process break at `place`; the count of steps so far stands in `counted`."""
    done = {"steps": 0, "flushes": 0}

    def wrapped(name, real):
        def step(*arguments, **more):
            done["steps"] += 1
            done["flushes"] += name == "fsync"
            if kind == "whole":
                counted.write_text(json.dumps(done))
            if kind == "killed" and done["steps"] == place:
                os._exit(KILLED)
            if kind == "full" and name == "fsync" and done["flushes"] >= place:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments, **more)

        return step

    for name in STEPS:
        setattr(os, name, wrapped(name, getattr(os, name)))
    if kind == "short":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (place, resource.RLIM_INFINITY))


def run(words: list[str], folder: Path, output: Path, kind: str = "plain", place: int = 0) -> int:
    """Run the command in a process of its own in `folder`; return its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.chdir(folder)
            reading, writing = os.pipe()  # a file could not be written by a process that may write none
            if os.fork() == 0:
                os.close(writing)
                with output.open("wb") as file:
                    while data := os.read(reading, 65536):
                        file.write(data)
                os._exit(0)
            for number in (1, 2):
                os.dup2(writing, number)
            os.close(writing)
            os.close(reading)
            if kind != "plain":
                break_at(kind, place, output.with_suffix(".steps"))

            from glimpse.main import main

            main(words)
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number in (1, 2):
                os.close(number)
            os.wait() if kind != "killed" else None
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def places(count: int, points: int) -> list[int]:
    """Spread `points` places over 1..count, the last among them."""
    if count <= points:
        return list(range(1, count + 1))
    if points == 1:
        return [count]
    return sorted({1 + round(index * (count - 1) / (points - 1)) for index in range(points)})


def break_all(specification: Path) -> None:
    wanted = json.loads(specification.read_text())
    template, work, words = Path(wanted["template"]), Path(wanted["work"]), wanted["words"]
    sys.path.insert(0, str(ROOT))
    from glimpse.main import main

    main.get_command(None, words[0])  # imports the command, once for all runs
    for module in wanted["imports"]:
        __import__(module if module == "torch" else f"glimpse.{module}")
    statuses = {}

    def broken(kind: str, place: int) -> None:
        name = kind if kind == "whole" else f"{kind}-{place}"
        shutil.copytree(template, work / name)
        statuses[name] = run(words, work / name, work / f"{name}.txt", kind, place)
        if kind == "killed" or (kind == "full" and place == 1):
            shutil.copytree(work / name, work / f"{name}.again")
            statuses[f"{name}.again"] = run(words, work / f"{name}.again", work / f"{name}.again.txt")

    broken("whole", 0)
    if statuses["whole"] != 0:
        sys.exit(f"the command fails undisturbed:\n{(work / 'whole.txt').read_text()}")
    counted = json.loads((work / "whole.steps").read_text())
    for place in places(counted["steps"], wanted["kills"]):
        broken("killed", place)
    for place in places(counted["flushes"], wanted["fulls"]):
        broken("full", place)
    for size in wanted["sizes"]:
        broken("short", size)
    (work / "statuses.json").write_text(json.dumps(statuses))


if __name__ == "__main__":
    break_all(Path(sys.argv[1]))
