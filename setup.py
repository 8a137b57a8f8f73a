"""Packaging: what is installed, what it needs, and the `glimpse` command."""

import ast
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# In a checkout they stand at the top level; they are installed inside `glimpse`, so that no name of theirs is
# in the way of anybody's own `analysis` or `templates`.
INSIDE = ("crn", "mturk", "analysis", "templates")


def version() -> str:
    """Return the version that glimpse/version.py states, without importing it."""
    (line,) = (HERE / "glimpse" / "version.py").read_text(encoding="utf-8").splitlines()[2:]
    return str(ast.literal_eval(line.removeprefix("__version__ = ")))


setup(
    name="glimpse-eval",
    version=version(),
    description="Human evaluation of generative images: timed pairwise studies, a server, the statistics.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=["glimpse"]
    + [f"glimpse.{name}" for name in find_packages(include=[f"{top}*" for top in INSIDE])],
    package_dir={f"glimpse.{top}": top for top in INSIDE},
    package_data={
        "glimpse": ["py.typed"],
        "glimpse.crn": ["kernels/README.md", "weights/*", "samples/**/*", "labelsets/**/*.json"],
        "glimpse.templates": ["**/*"],
    },
    install_requires=[
        "boto3>=1.34",
        "click>=8.1",
        "defusedxml>=0.7",
        "httpx>=0.27",
        "imageio-ffmpeg>=0.5",
        "itsdangerous>=2.1",
        "jinja2>=3.1",
        "markdown-it-py>=3.0",
        "matplotlib>=3.8",
        "msgspec>=0.18",
        "numpy>=1.26",
        "pandas>=2.1",
        "pillow>=10.1",
        "PyJWT[crypto]>=2.9",
        "python-multipart>=0.0.9",
        "safetensors>=0.4",
        "scipy>=1.11",
        "starlette>=0.39",
        "tomlkit>=0.12",
        "torch>=2.2",
        "uvicorn>=0.29",
    ],
    extras_require={
        "import": ["h5py>=3.10", "tensorflow>=2.15"],
        "parquet": ["pyarrow>=15"],
        "postgresql": ["psycopg[binary]>=3.2"],
        "bench": ["choix", "orjson>=3.9", "psignifit"],
        "docs": ["furo", "myst-parser>=4", "sphinx>=8"],
        "dev": [
            "babel>=2.14",
            "boto3-stubs",
            "build",
            "choix",
            "furo",
            "h5py>=3.10",
            "hypothesis",
            "jsonschema>=4.18",
            "krippendorff>=0.7",
            "moto[s3,server]",
            "mypy",
            "myst-parser>=4",
            "pandas-stubs",
            "orjson>=3.9",
            "playwright",
            "psignifit",
            "psycopg[binary]>=3.2",
            "pytest",
            "pytest-cov",
            "pytest-xdist",
            "PyYAML>=6",
            "ruff",
            "scikit-image",
            "scipy-stubs",
            "sphinx>=8",
            "statsmodels>=0.14",
            "types-defusedxml",
        ],
    },
    entry_points={"console_scripts": ["glimpse = glimpse.main:main"]},
)
