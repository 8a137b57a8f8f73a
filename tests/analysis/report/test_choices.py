"""The choices of analyze: one entry each, and nothing of them anywhere else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from glimpse.analysis.commands.analyze import analyze
from glimpse.analysis.statistics.choices import ADJUSTMENTS, CLUSTERS, CURVE_SHAPES, EXPOSURES, STANDARD

ROOT = Path(__file__).parents[3]
HOME = ROOT / "analysis" / "statistics" / "choices.py"
REGISTRIES = {"cluster": CLUSTERS, "adjust": ADJUSTMENTS, "curve": CURVE_SHAPES}
# Names that stand for nothing but the choice; the defaults are written where the default is decided, too.
TELLING = {"worker-bootstrap", "pair-bootstrap", "bh", "weibull", "gaussian"}


def options() -> dict[str, object]:
    return {option.name: option for option in analyze.params}


@pytest.mark.parametrize("name", REGISTRIES)
def test_options_offer_what_there_is(name):
    option = options()[name]
    assert list(option.type.choices) == list(REGISTRIES[name])
    assert option.default in REGISTRIES[name]
    earlier = {"scene": STANDARD} if name == "cluster" else {}
    assert {key: entry for key, entry in REGISTRIES[name].items() if entry.name != key} == earlier


def test_exposures_and_the_standard_are_the_defaults():
    assert list(options()["exposure"].type.choices) == list(EXPOSURES)
    assert options()["cluster"].default == STANDARD.name


def test_the_names_of_choices_stand_in_one_file():
    for path in [*(ROOT / "analysis").rglob("*.py"), *(ROOT / "templates" / "report").rglob("*.j2")]:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            nodes = ast.walk(ast.parse(text))
            found = {node.value for node in nodes if isinstance(node, ast.Constant)} & TELLING
        else:
            found = {name for name in TELLING if f'"{name}"' in text}
        assert not found or path == HOME, f"{path}: {found}"


def test_entries_are_worded():
    for entry in CLUSTERS.values():
        texts = (entry.clustered, entry.allowance, entry.methods, entry.sampled)
        assert all(text and not text.endswith(".") for text in texts)
        assert entry.bootstrap == (len(entry.ways) == 1 and entry.name.endswith("-bootstrap"))


def test_help_of_analyze_imports_nothing_heavy():
    code = (
        "import sys\nimport glimpse.analysis.commands.analyze, glimpse.crn.commands.train\n"
        "sys.exit(' '.join({'numpy', 'scipy', 'pandas', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
