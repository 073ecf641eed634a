"""What is wrong or risky with an installation, in plain words."""
