"""Particles: from slices of an electrode to the damage of every particle (`finder`)."""
