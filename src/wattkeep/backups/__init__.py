"""Backups of everything an installation knows, and the way back."""
