"""Designs and results that other scripts wrote."""
