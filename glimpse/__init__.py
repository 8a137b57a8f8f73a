"""Glimpse: human evaluation of generative images."""

from pathlib import Path

__version__ = "0.1.0"

# Once installed, `crn`, `mturk`, `analysis` and `templates` stand inside this package, so that they are in
# the way of nobody's own `analysis`. In a checkout they stand beside it, under the same names.
if not (Path(__file__).parent / "analysis").is_dir():
    __path__.append(str(Path(__file__).parents[1]))
