"""Recorded files as messages: one format a file."""
