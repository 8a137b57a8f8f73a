"""The version of Glimpse: stated here, read by setup.py, and by `import glimpse`."""

__version__ = "0.2.0"
