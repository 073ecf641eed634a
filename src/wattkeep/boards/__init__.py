"""The boards: what they are told, what they report, and their firmware."""
