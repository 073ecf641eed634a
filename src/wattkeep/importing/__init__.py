"""History from files: read, looked through, and stored as if it had arrived long ago."""
