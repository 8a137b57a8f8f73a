"""What the tests of the Python API share."""

import pytest

import glimpse
from tests.house.api_folder import lay_out


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with images/, labels/, study/ and results/."""
    folder = tmp_path_factory.mktemp("api")
    lay_out(folder)
    return folder


@pytest.fixture
def here(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


@pytest.fixture(scope="session")
def judgments(made):
    return glimpse.exclude(glimpse.read_results(made / "results"))


@pytest.fixture(scope="session")
def rows(judgments):
    return judgments.table()


@pytest.fixture(scope="session")
def unlimited(made, tmp_path_factory):
    """Judgments of a study without a time limit."""
    folder = tmp_path_factory.mktemp("unlimited")
    numbers = {
        "trials_per_cell": 10,
        "sentinels_per_hit": 2,
        "hits_per_batch": 2,
        "pairing": "same-item",
        "baselines": ["pix2pix"],
    }
    experiment = glimpse.plan_study(made / "images", mode="unlimited-time", **numbers)
    study = glimpse.build_study(made / "images", experiment, folder / "study", contact="me@lab.org")
    return glimpse.exclude(glimpse.simulate(study, folder / "results"))
