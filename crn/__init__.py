"""The Cascaded Refinement Network: label maps in, photographic images out."""

import os

# Threads that wait for one another sleep rather than spin: where other work runs as well, spinning doubles
# the time that an image takes. Read when torch is loaded; who sets it keeps their own.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
