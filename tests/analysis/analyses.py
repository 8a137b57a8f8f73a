"""The command line as tests call it, and the tables that it writes."""

import csv
from pathlib import Path

from click.testing import CliRunner, Result

from glimpse.main import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))
