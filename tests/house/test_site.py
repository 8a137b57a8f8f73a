"""The documentation's site: every guide is in its menu, and every name of the Python API on its page."""

import re
import runpy
from fnmatch import fnmatch
from pathlib import Path

import pytest

import glimpse

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def conf():
    return runpy.run_path(str(ROOT / "docs" / "conf.py"))


def test_every_guide_is_in_the_menu_once(conf):
    listed = [page for pages in conf["MENU"].values() for page in pages]
    guides = [path for path in (ROOT / "docs").iterdir() if path.suffix in {".md", ".rst"}]
    assert len(listed) == len(set(listed))
    missing = {f"docs/{path.stem}" for path in guides} - set(listed)
    assert not missing, "add them to MENU in docs/conf.py"


def test_every_page_of_the_menu_is_there(conf):
    for page in (page for pages in conf["MENU"].values() for page in pages):
        (found,) = ROOT.glob(f"{page}.*")
        name = found.relative_to(ROOT).as_posix()
        assert any(fnmatch(name, pattern) for pattern in conf["include_patterns"]), name


def test_the_page_of_the_api_has_every_name():
    text = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. auto\w+:: glimpse\.(\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(glimpse.__all__), "each name once in docs/api.rst"
