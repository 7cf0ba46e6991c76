"""Performance, measured against an anchor in the same run."""
