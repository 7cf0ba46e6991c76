"""Pictures and pages of a report, drawn from results; needs matplotlib (the extra `reports`)."""
