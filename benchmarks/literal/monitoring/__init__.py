"""The mission's app."""
