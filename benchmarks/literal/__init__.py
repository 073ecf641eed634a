"""The mission built word for word: Django, DRF and SQLite as they come. What we compare with."""
