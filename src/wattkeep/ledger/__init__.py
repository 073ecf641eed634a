"""What becomes of readings: slots, corrections, sealed days, and how long they are kept."""
