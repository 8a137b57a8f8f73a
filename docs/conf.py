"""How `make site` builds the documentation: Sphinx reads the Markdown where it stands, as GitHub shows it.

The source folder is the whole checkout, so that links from one guide to another, to the examples or to a
README of a package lead to the same files on GitHub and in the site. The README is the first page.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from glimpse.version import __version__  # noqa: E402

project = "Glimpse"
release = __version__
root_doc = "README"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "docs/*.rst",
    "examples/README.md",
    "crn/weights/README.md",
    "crn/kernels/README.md",
]
exclude_patterns = [".*", "build", "node_modules", "tests", "demo", "my-*", "training", "drive"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 4  # as GitHub names them
smartquotes_action = "D"  # dashes; quotation marks are often those of code
default_role = "code"  # what a docstring has between single backticks
maximum_signature_line_length = 80
napoleon_custom_sections = [("Source", "notes_style")]
napoleon_use_rtype = False
html_theme = "furo"
html_title = f"Glimpse {release}"
html_copy_source = False
html_show_copyright = False
html_extra_path = ["site/index.html"]  # leads to the first page
html_static_path = ["site/style.css"]
html_css_files = ["style.css"]

# The menu: a heading, and its pages in order. tests/house/test_site.py sees that no guide is left out.
MENU = {
    "Your first study": (
        "docs/installing",
        "docs/your-own-images",
        "docs/study-file",
        "examples/README",
        "docs/reading-the-report",
    ),
    "What you compare": (
        "docs/text-to-image",
        "docs/editing",
        "docs/clips",
        "docs/many-systems",
        "docs/one-image",
    ),
    "Who takes part": (
        "docs/what-participants-see",
        "docs/languages",
        "docs/in-the-lab",
        "docs/prolific",
        "docs/production",
        "docs/clients",
    ),
    "Evidence": (
        "docs/peers",
        "docs/coverage",
        "docs/mixed-models",
        "docs/detection",
        "docs/registration",
        "docs/bundles",
        "docs/review",
        "docs/importing",
    ),
    "Python": ("docs/python", "docs/api"),
    "Networks": (
        "docs/training-on-cityscapes",
        "crn/weights/README",
        "crn/kernels/README",
    ),
    "Reference": (
        "docs/glossary",
        "docs/file-formats",
        "docs/summary",
        "docs/server-operations",
        "docs/faults",
        "CHANGELOG",
        "CONTRIBUTING",
    ),
}


def add_menu(_, name, source):
    """Put the menu at the end of the first page, which on GitHub has none."""
    if name == root_doc:
        for caption, pages in MENU.items():
            listed = "\n".join(f"/{page}" for page in pages)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


def setup(app):
    """Tell Sphinx what to do beside the usual."""
    app.connect("source-read", add_menu)
