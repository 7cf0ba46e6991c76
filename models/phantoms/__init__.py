"""Specimens with known truth, one a file."""
