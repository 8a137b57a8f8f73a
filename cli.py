"""The command line in a checkout: `python cli.py COMMAND`. `glimpse.main` finds the commands."""

import sys

try:
    from glimpse.main import main
except ModuleNotFoundError as error:
    if error.name != "click":
        raise
    sys.exit(
        f"Error: The package click is not installed in this Python ({sys.executable}). Activate the "
        "environment that holds Glimpse (`. .venv/bin/activate`), or install it as README.md says."
    )

if __name__ == "__main__":
    main()
