"""A chart's way out: what is stored, read back as consumption and series."""
