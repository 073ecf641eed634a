"""What each page answers."""
