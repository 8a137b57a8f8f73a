"""A throw-away PostgreSQL from Debian's binaries, on a free port of 127.0.0.1, with a database a server."""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
from functools import cache
from pathlib import Path

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
MISSING = "without PostgreSQL's binaries and psycopg"


def is_there():
    """Tell whether there is a PostgreSQL to start, and the package that speaks with it."""
    try:
        import psycopg
    except ImportError:
        return False
    return bool(BINARIES and psycopg)


@cache
def started():
    """Start one for this process, which ends it; returns its port."""
    folder = Path(tempfile.mkdtemp(prefix="glimpse-postgresql-"))
    # PostgreSQL refuses to run as root.
    user = {"user": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres")
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder)}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(program, *words):
        command = [str(BINARIES[-1] / program), *words]
        subprocess.run(command, check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL, **user)

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "glimpse", "-A", "trust", "-E", "UTF8", "--no-sync")
    # What is tested is not whether a disk keeps what it was given.
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
    run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")

    def stop():
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return port


def new_database(name):
    """Make an empty database; returns its address."""
    import psycopg

    address = f"postgresql://glimpse@127.0.0.1:{started()}"
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{address}/{name}"
