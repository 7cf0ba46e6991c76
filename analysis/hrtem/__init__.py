"""HRTEM: which crystal phases are where."""
