"""A panel of our own making, for rehearsals and tests: nobody is paid, and nothing leaves the machine."""
