"""What is counted may be one: nothing that is printed says "1 trials"."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOUNS = (
    "HITs", "trials", "assignments", "workers", "answers", "images", "pairs", "places", "conditions",
    "contrasts", "participants", "judgments",
)  # fmt: skip
COUNTED = re.compile(rf" (?:(?!(?:of|between|shows) )[a-z]+ )?(?:{'|'.join(NOUNS)})\b")
# Numbers that cannot be one where their sentence is said, or shares of more.
SEVERAL = {
    "power.py size.systems", "power.py answers", "power.py trials", "ranking_power.py size.systems",
    "ranking_power.py workers", "ranking_power.py answers", "ranking_power.py size.trials_per_hit",
    "stimuli.py len(paths)", "exclusion.py assignments", "belonging.py len(problems)", "metrics.py right",
    "size.py self.images", "simulated_results.py len(lines)", "panels.py of", "build_hits.py len(compared)",
    "hypotheses.py count", "wording.py wrong",
}  # fmt: skip


@pytest.mark.parametrize("folder", ["analysis", "mturk/commands"])
def test_a_number_is_printed_with_its_noun_by_one_function(folder: str) -> None:
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            values = node.values if isinstance(node, ast.JoinedStr) else []
            for number, text in pairwise(values):
                if isinstance(number, ast.FormattedValue) and isinstance(text, ast.Constant):
                    name = ast.unparse(number.value)
                    if COUNTED.match(str(text.value)) and f"{path.name} {name}" not in SEVERAL:
                        found.append(f"{path.relative_to(ROOT)}: {{{name}}}{text.value}")
    assert not found, "use glimpse.text.counted"
