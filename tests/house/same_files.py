"""Compare what two checkouts do, byte for byte: every command, both modes, the same inputs and seeds.

    python tests/house/same_files.py OLD NEW [--old-python P] [--new-python P] [--keep FOLDER] [--only GROUP]
        [--lines N]

Each side runs the commands of same_commands.py in a folder of its own, two groups at a time; then every file,
its mode, and every command's output and exit status are compared: a line a difference, and exit status 1 if
there is one. A side uses its own .venv unless told otherwise; this script needs Pillow. With --keep, inputs
and outputs stay in FOLDER, and what the old side has there is used again while the commands and the path of
OLD are the same: remove FOLDER when what is in OLD changes. --only (repeatable) runs one group of commands.

Made alike on both sides, by a sitecustomize.py in front of every process (FROZEN):
- the time of day stands still: dates in ledgers, databases and cookies;
- so does the monotonic clock, except in the server: seconds that work took, progress lines every two seconds;
- what `secrets` gives is counted by kind and size instead of random: the server's ids, keys and tokens;
- a study's secret, from which its id and images' names follow, is made without what workers read and without
  the pages' code: another wording is a difference in the files that hold it alone;
- thread pools have one thread, except in the server: the order in which simulated workers come.

Normalised before comparing (`normal`): the side's folder, the checkout, the server's port, the program's
name; and what tells of pages and scripts that are compared themselves: a HIT's page in a question's XML, its
digest, and the digest in the address of the server's scripts. What holds such text in a binary form is
compared by content (`content`): SQLite databases as their dump, .safetensors as header and tensors' digests,
.pt as the pickle's opcodes and the other members' digests.
"""

import argparse
import copy
import hashlib
import json
import os
import pickletools
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path

from same_commands import GROUPS, STEPS, write_inputs

FROZEN = """
import concurrent.futures, datetime, hashlib, json, os, secrets, sys, time
NOW, real, counted = 1_772_442_000.25, datetime.datetime, {}

class Kind(type):
    def __instancecheck__(cls, value):
        return isinstance(value, real)
    def __subclasscheck__(cls, other):
        return issubclass(other, real)

class Still(real, metaclass=Kind):
    __slots__ = ()
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW, tz)
    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)

Still.__name__, Still.__qualname__, Still.__module__ = "datetime", "datetime", "datetime"
if not {'analyze', 'power'} & set(sys.orig_argv):  # pandas is compiled against the real one
    datetime.datetime = Still
time.time, time.time_ns = (lambda: NOW), (lambda: int(NOW * 1e9))

def count(kind):
    counted[kind] = counted.get(kind, 0) + 1
    return hashlib.shake_256(f"{os.environ['SAME_RUN']} {kind} {counted[kind]}".encode())

secrets.token_bytes = lambda size=None: count(f"bytes {size or 32}").digest(size or 32)
secrets.choice = lambda seq: seq[int.from_bytes(count(f"choice of {len(seq)}").digest(8)) % len(seq)]
if "build-hits" in sys.orig_argv:
    sha256 = hashlib.sha256

    def wordless(data=b"", **more):
        if bytes(data[:8]) == b"glimpse\\0":
            _, seed, settings, _ = data.split(b"\\0")
            experiment, _, _, _, encoding, plan = json.loads(settings)
            data = json.dumps([seed.decode(), experiment, encoding, plan]).encode()
        return sha256(data, **more)

    hashlib.sha256 = wordless
if "serve" not in sys.orig_argv:
    time.monotonic = time.perf_counter = lambda: 0.0

    class OneThread(concurrent.futures.ThreadPoolExecutor):
        def __init__(self, max_workers=None, *more, **named):
            super().__init__(1, *more, **named)

    concurrent.futures.ThreadPoolExecutor = OneThread
"""


class Side:
    """One checkout, and the folder in which its commands run: a folder a group, and log/ for their output.

    A step may put `words` that are known only then into the commands after it, such as a server's {url}.
    """

    def __init__(self, name, folder, checkout, python):
        self.name, self.folder, self.checkout = name, folder, checkout.resolve()
        own = self.checkout / ".venv" / "bin" / "python"
        self.python = python.absolute() if python else own if own.exists() else sys.executable
        module = (self.checkout / "glimpse" / "__main__.py").exists()
        self.program = [str(self.python), *(["-m", "glimpse"] if module else [str(self.checkout / "cli.py")])]

    def begin(self, group):
        """Make an empty folder for a group of commands."""
        self.group, self.number, self.words, self.at = group, 0, {}, self.folder / group
        shutil.rmtree(self.at, ignore_errors=True)
        for log in self.folder.glob(f"log/{group}-*"):
            log.unlink()
        self.at.mkdir(parents=True)
        (self.folder / "log").mkdir(exist_ok=True)
        (self.at / "inputs").symlink_to(self.folder.parent / "inputs")

    def start(self, line, program=None):
        """Start a command whose output goes to log/; returns the process, which `finish` waits for."""
        self.number += 1
        words = [word.format(**self.words) for word in shlex.split(line)]
        log = self.folder / "log" / f"{self.group}-{self.number:02d}.txt"
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment = {
            **kept, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "COLUMNS": "100", "SAME_RUN": log.stem,
            "PYTHONPATH": os.pathsep.join([str(self.folder.parent / "frozen"), str(self.checkout)]),
            "AWS_SHARED_CREDENTIALS_FILE": "server/credentials",
        }  # fmt: skip
        with log.open("w") as out, log.with_suffix(".err").open("w") as err:
            out.write(f"$ {shlex.join(words)}\n")
            out.flush()
            process = subprocess.Popen(
                [*(program or self.program), *words],
                cwd=self.at, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
        process.log = log
        return process

    def finish(self, process, by=None):
        """Wait for a command, or end it by a signal; its exit status goes to its log."""
        if by:
            process.send_signal(by)
        try:
            status = process.wait(timeout=300)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        with process.log.open("a") as file:
            file.write(f"exit status {status}\n")

    def run(self, line, program=None):
        """Run a command to its end."""
        self.finish(self.start(line, program))

    def take(self, step):
        """Take a step between commands; where it fails, that is a difference like any other."""
        try:
            STEPS[step](self)
        except Exception:  # noqa: BLE001
            (self.at / f"{step}-failed.txt").write_text(traceback.format_exc())

    def run_group(self, group):
        """Run a group of commands."""
        self.begin(group)
        for line in re.sub(r"\n +", " ", GROUPS[group]).strip().splitlines():
            if line.startswith("@"):
                self.take(line[1:])
            elif line:
                self.run(line)


def normal(side, data):
    """Put the same words where the sides differ by nature, or where another file tells the difference."""
    data = data.replace(str(side.folder).encode(), b"WORK").replace(str(side.checkout).encode(), b"CHECKOUT")
    data = re.sub(rb"(127\.0\.0\.1)(:|%3A)\d{4,5}\b", rb"\1\2PORT", data)
    data = re.sub(rb"(Usage: |Try ')(cli\.py|python -m glimpse)", rb"\1glimpse", data)
    data = re.sub(rb"python cli\.py|python -m glimpse", b"glimpse", data)
    data = re.sub(rb'("pages?_sha256": )"[0-9a-f]{64}"', rb"\1PAGE", data)
    data = re.sub(rb"/static/[0-9a-f]{12}/", b"/static/CODE/", data)
    return re.sub(rb"<!\[CDATA\[.*?\]\]>", b"PAGE", data, flags=re.DOTALL)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def content(path):
    """Return what a file holds, as text where it holds text in a binary form."""
    if path.suffix == ".sqlite3":
        connection = sqlite3.connect(path)
        lines = list(connection.iterdump())
        connection.close()
    elif path.suffix == ".safetensors":
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        head = json.loads(data[8:start])
        lines = [json.dumps(head.pop("__metadata__", None), sort_keys=True)]
        for name, about in head.items():
            first, last = (start + offset for offset in about["data_offsets"])
            lines.append(f"{name} {about} {digest(data[first:last])}")
    elif path.suffix == ".pt":
        lines = []
        with zipfile.ZipFile(path) as members:
            # torch's id of a file is a digest of the rest.
            for name in [name for name in members.namelist() if not name.endswith("/serialization_id")]:
                data = members.read(name)
                opcodes = pickletools.genops(data) if name.endswith(".pkl") else []
                lines += [f"{name} {op.name} {arg!r}" for op, arg, _ in opcodes] or [f"{name} {digest(data)}"]
    else:
        return path.read_bytes()
    return "\n".join(lines).encode()


def different_lines(one, two):
    """Return (number on the old side, (old line, new line)) of lines that differ; added ones shift none."""
    found = []
    for kind, first, last, start, end in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind != "equal":
            pairs = zip_longest(one[first:last], two[start:end], fillvalue=b"(no such line)")
            found += enumerate(pairs, first + 1)
    return found


def difference(old, new, name, shown=1):
    """Return how a file differs between the sides, with the first lines that do; None where it does not."""
    sides = [(side, side.folder / name) for side in (old, new)]
    for side, path in sides:
        if not path.exists():
            return f"missing in {side.name}"
    modes = [path.stat().st_mode & 0o777 for _, path in sides]
    if modes[0] != modes[1]:
        return f"mode {modes[0]:o} / {modes[1]:o}"
    one, two = (normal(side, content(path)) for side, path in sides)
    if one == two:
        return None
    if b"\0" in one[:1000]:
        return f"{len(one)} bytes / {len(two)} bytes"
    different = different_lines(one.split(b"\n"), two.split(b"\n"))
    text = [f"{len(different)} lines differ"]
    for number, pair in different[:shown]:
        alike = next((place for place, (a, b) in enumerate(zip(*pair, strict=False)) if a != b), 0)
        for side, line in zip(("old", "new"), pair, strict=True):
            part = line[max(0, alike - 60) : alike + 100].decode(errors="replace")
            text.append(f"  {side} {number}: {part}")
    return "\n".join(text)


def title(side, name):
    """Return what a file of a command's output, or of a server's answer, is about."""
    path = side.folder / name.with_suffix(".txt")
    first = path.open(errors="replace").readline().strip() if path.exists() else ""
    return f" ({first[:90]})" if first.startswith(("$ ", "GET ", "POST ", "PUT ")) else ""


def compare(old, new, groups, shown):
    """Print how the sides differ; returns how many differences there are."""
    names = set()
    for side in (old, new):
        for group in groups:
            found = [*(side.folder / group).rglob("*"), *side.folder.glob(f"log/{group}-*")]
            names |= {path.relative_to(side.folder) for path in found if path.is_file()}
    found = 0
    for name in sorted(names):
        if text := difference(old, new, name, shown):
            found += 1
            print(f"{name}{title(old, name)}: {text}")
    logs = sum(name.parts[0] == "log" and name.suffix == ".txt" for name in names)
    files = sum(name.parts[0] != "log" for name in names)
    print(f"{files} files and {logs} commands compared, {found} differ")
    return found


def run_group(side, group, mark):
    """Run a group of commands, unless it has its `mark` already; "" is no mark."""
    done = side.folder / f"{group}.done"
    if mark and done.exists() and done.read_text() == mark:
        return
    done.unlink(missing_ok=True)
    began = time.monotonic()
    copy.copy(side).run_group(group)
    done.write_text(mark)
    print(f"{side.name} {group}: {time.monotonic() - began:.0f} s", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--old-python", type=Path)
    parser.add_argument("--new-python", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--only", action="append", choices=list(GROUPS))
    parser.add_argument("--lines", type=int, default=1, help="differing lines to show of a file")
    asked = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    with tempfile.TemporaryDirectory() as temporary:
        root = (asked.keep or Path(temporary)).resolve()
        old = Side("old", root / "old", asked.old, asked.old_python)
        new = Side("new", root / "new", asked.new, asked.new_python)
        scripts = [
            Path(__file__).with_name(f"same_{name}.py").read_bytes() for name in ("commands", "visits")
        ]
        mark = digest(b"".join([*scripts, FROZEN.encode(), str(old.checkout).encode()]))
        if not (root / "inputs.done").exists():
            shutil.rmtree(root / "inputs", ignore_errors=True)
            write_inputs(root / "inputs", old.checkout, old.python)
            (root / "inputs.done").touch()
        (root / "frozen").mkdir(exist_ok=True)
        (root / "frozen" / "sitecustomize.py").write_text(FROZEN)
        groups = asked.only or list(GROUPS)
        with ThreadPoolExecutor(2) as pool:
            runs = [
                pool.submit(run_group, *run)
                for group in groups
                for run in ((old, group, mark), (new, group, ""))
            ]
            for run in runs:
                run.result()
        return 1 if compare(old, new, groups, asked.lines) else 0


if __name__ == "__main__":
    sys.exit(main())
