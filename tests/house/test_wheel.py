"""What is installed from the wheel works where there is no checkout, beside files of anybody's own names."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from glimpse import __version__
from glimpse.main import COMMANDS

ROOT = Path(__file__).parents[2]
PACKAGES = ("glimpse", "crn", "mturk", "analysis", "templates")

# As a user may call files of their own; each leaves a mark when it is imported.
OWN = (
    "analysis/__init__.py",
    "mturk/__init__.py",
    "templates/__init__.py",
    "crn.py",
    "cli.py",
    "glimpse_notes.py",
)

pytestmark = pytest.mark.slow


def run(*words, folder):
    """Run a command in `folder` with nothing in its environment that leads to the checkout."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "COVERAGE_PROCESS_START"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    result = subprocess.run(
        [str(word) for word in words], cwd=folder, env={**environment, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a copy, so that the checkout stays clean and no earlier build gets in."""
    source = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("cli.py", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", folder=source)
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Install it into a new environment that borrows its dependencies; return its folder of programs."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    options = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    run(
        sys.executable, "-m", "pip", "--python", programs / "python", "install", *options, wheel,
        folder=folder,
    )  # fmt: skip
    # A path in a .pth file only lengthens sys.path: an editable install of the checkout does not come along.
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    own = Path(run(programs / "python", "-c", code, folder=folder).strip())
    paths = {sysconfig.get_paths()[name] for name in ("purelib", "platlib")}
    (own / "dependencies.pth").write_text("".join(f"{path}\n" for path in sorted(paths)))
    return programs


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        path.relative_to(ROOT if package == "glimpse" else ROOT.parent)
        .as_posix()
        .replace(f"{ROOT.name}/", "glimpse/", 1)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert held == wanted


def test_it_says_its_version_and_its_commands(installed, tmp_path):
    assert run(installed / "glimpse", "--version", folder=tmp_path) == f"glimpse, version {__version__}\n"
    listed = run(installed / "glimpse", "--help", folder=tmp_path)
    assert [name for name in COMMANDS if f"  {name} " not in listed] == []


def test_nothing_comes_from_the_checkout(installed, tmp_path):
    code = (
        "import glimpse, importlib.metadata as m\n"
        "from glimpse import crn, mturk, analysis, templates\n"
        "from glimpse.text import template_text\n"
        "assert template_text('page/trial.js').strip() and template_text('site/base.html.j2')\n"
        "from glimpse.crn.data.labels import BUNDLED, bundled_label_set\n"
        "assert all(len(bundled_label_set(name).classes) > 2 for name in BUNDLED)\n"
        "print(m.version('glimpse-eval'), *(x.__file__ for x in (glimpse, crn, mturk, analysis, templates)))"
    )
    version, *files = run(installed / "python", "-c", code, folder=tmp_path).split()
    assert version == __version__
    assert len(files) == 5
    assert {Path(file).is_relative_to(installed.parent) for file in files} == {True}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Lay out a folder of somebody who calls files as ours are called; each says so when it is imported."""
    folder = tmp_path_factory.mktemp("own")
    for name in OWN:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"from pathlib import Path\nPath(__file__ + '.imported').touch()\nOWN = {name!r}\n")
    (folder / "templates" / "page").mkdir(parents=True)
    (folder / "templates" / "page" / "hit.html.j2").write_text("not ours")
    return folder


def imported(folder):
    return [path.name for path in folder.rglob("*.imported")]


def test_the_distribution_has_a_name_that_is_free(wheel):
    assert re.match(r"glimpse_eval-[\d.]+-py3-none-any\.whl$", wheel.name)


def test_our_names_are_ours_and_theirs_stay_theirs(installed, own):
    """As in a notebook, where the folder itself stands first on the path."""
    code = (
        "import sys\nassert sys.path[0] == ''\n"
        "import glimpse\nfrom glimpse import analysis as ours, crn, mturk, templates\n"
        "from glimpse.analysis.reading.results import read_results\n"
        "from glimpse.text import template_text\nassert template_text('page/hit.html.j2') != 'not ours'\n"
        "print(*(x.__file__ for x in (glimpse, ours, crn, mturk, templates)))\n"
        "assert not list(__import__('pathlib').Path().rglob('*.imported'))\n"
        "import analysis, mturk, crn, cli, glimpse_notes\n"
        "print(*(x.OWN for x in (analysis, mturk, crn, cli, glimpse_notes)))"
    )
    ours, theirs = run(installed / "python", "-c", code, folder=own).splitlines()
    assert {Path(file).is_relative_to(installed.parent) for file in ours.split()} == {True}
    assert set(theirs.split()) == {name for name in OWN if not name.startswith("templates")}
    for path in own.rglob("*.imported"):
        path.unlink()


@pytest.mark.parametrize(
    ("words", "called", "commands"),
    [
        (("glimpse",), "glimpse", ("", *COMMANDS)),
        (("python", "-m", "glimpse"), "python -m glimpse", ("", "train")),
    ],
    ids=("glimpse", "module"),
)
def test_help_names_the_program_as_it_was_called(installed, own, words, called, commands):
    first, *others = words
    for command in commands:
        help_ = run(installed / first, *others, *filter(None, [command]), "--help", folder=own)
        assert f"  {called} {command}" in help_
        assert "cli.py" not in help_
    assert imported(own) == []


def test_the_demo_runs_its_own_commands(installed, own):
    """The demo's steps, not the whole demo: what is looked at is which program they start."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom glimpse.demo import Step\nstep = Step()\n"
        "step.run('--version')\n"
        "with step.serve(Path('server'), '--port', '0'): print('serving')"
    )
    said = run(installed / "python", "-c", code, folder=own)
    assert "$ glimpse --version\n" in said
    assert f"glimpse, version {__version__}\n" in said
    assert said.endswith("serving\n")
    assert imported(own) == []


def test_from_label_maps_to_a_report_beside_files_of_the_same_names(installed, own):
    """The network is a tiny untrained one: what is looked at is the installation, not the images."""
    code = (
        "import torch, numpy as np\nfrom pathlib import Path\nfrom PIL import Image\n"
        "from glimpse import crn\n"
        "from glimpse.crn.network.checkpoints import save_weights\n"
        "from glimpse.crn.network.config import NetworkConfig\n"
        "from glimpse.crn.network.model import CRN\n"
        "config = NetworkConfig(height=16, width=32, features=(4, 4, 4))\n"
        "save_weights('tiny', CRN(config, torch.Generator().manual_seed(0)), config)\n"
        "labels = Path(crn.__file__).parent / 'samples' / 'labels'\n"
        "rng = np.random.default_rng(0)\n"
        "for name in ('real', 'image-space'):\n"
        "    (Path('images') / name).mkdir(parents=True)\n"
        "    for path in labels.iterdir():\n"
        "        noise = rng.integers(0, 256, (16, 32, 3), dtype=np.uint8)\n"
        "        Image.fromarray(noise).save(Path('images') / name / path.name)\n"
        "print(labels)"
    )
    labels = run(installed / "python", "-P", "-c", code, folder=own).strip()
    glimpse = installed / "glimpse"
    said = [
        run(glimpse, "synthesize", labels, "--weights", "tiny.safetensors", folder=own),
        run(glimpse, "build-hits", "--mode", "limited-time", "--hits-per-batch", "1", folder=own),
        run(glimpse, "simulate", folder=own),
        run(glimpse, "analyze", "results", "--figures", "png", folder=own),
    ]
    assert (own / "report" / "report.html").stat().st_size > 10_000
    assert all("\nNext: glimpse " in text for text in said[:3])
    assert "cli.py" not in "".join(said)
    assert imported(own) == []
