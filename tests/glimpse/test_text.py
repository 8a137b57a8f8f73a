"""Templates: compiled once for several commands, if there is a place to keep what is compiled."""

import tempfile

import pytest

from glimpse.text import environment


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A temporary folder of the test's own, and no environment that is known already."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment.cache_clear()
    yield tmp_path
    environment.cache_clear()


def kept(place):
    return sorted(place.rglob("*.cache"))


def test_a_template_is_compiled_once_for_each_kind_of_environment(place, monkeypatch):
    environment(html=True).get_template("report/parts.html.j2")
    assert len(kept(place)) == 1
    environment(html=True, prose=True).get_template("report/parts.html.j2")
    assert len(kept(place)) == 2  # other settings, other code
    environment.cache_clear()
    again = environment(html=True)
    monkeypatch.setattr(type(again), "compile", lambda *_, **__: pytest.fail("it was compiled again"))
    assert again.get_template("report/parts.html.j2").name == "report/parts.html.j2"


def test_what_is_kept_is_of_the_template_as_it_is_now(place):
    environment(html=True).get_template("report/parts.html.j2")
    (file,) = kept(place)
    file.write_bytes(b"damaged")
    environment.cache_clear()
    assert environment(html=True).get_template("report/parts.html.j2").name == "report/parts.html.j2"
    assert file.read_bytes() != b"damaged"


@pytest.mark.parametrize("at", ["nowhere", "file"])
def test_without_a_place_to_keep_them_templates_are_compiled_each_time(place, monkeypatch, at):
    (place / "file").write_text("no folder")
    monkeypatch.setattr(tempfile, "tempdir", str(place / at))
    assert environment(html=True).get_template("report/parts.html.j2").name == "report/parts.html.j2"
    assert kept(place) == []


def test_a_full_disk_does_not_keep_a_page_from_being_rendered(place, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    assert environment(html=True).get_template("report/parts.html.j2").name == "report/parts.html.j2"
    assert kept(place) == []
