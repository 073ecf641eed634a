"""What is true of a device right now."""
