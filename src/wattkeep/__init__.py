"""Wattkeep, an electricity monitor: from a meter's bytes to a browser."""

__version__ = "0.1.0"
