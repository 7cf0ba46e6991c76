"""Particles: from slices of an electrode to the damage of every particle."""

from .finder import ParticleFinder

__all__ = ["ParticleFinder"]
