"""HRTEM: which crystal phases are where."""

from .mapper import PhaseMapper

__all__ = ["PhaseMapper"]
