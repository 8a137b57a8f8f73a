"""The command line as a module: `python -m glimpse COMMAND`."""

from glimpse.main import main

main()
