"""Where participants come from: a panel is one file, and `known.py` lists them."""
