"""REST for people and programs."""
