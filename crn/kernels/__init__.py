"""Convolutions and layers on a CPU: the same numbers with less work. README.md explains them."""
