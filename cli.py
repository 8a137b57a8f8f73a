"""The command line in a checkout: `python cli.py COMMAND`. `glimpse.main` finds the commands."""

from glimpse.main import main

if __name__ == "__main__":
    main()
