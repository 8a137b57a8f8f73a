"""Convolutions and layers as training runs them on a CPU: the same numbers with less work."""
