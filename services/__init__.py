"""What runs: processes, their wiring and their life; no arithmetic, no parsing."""
