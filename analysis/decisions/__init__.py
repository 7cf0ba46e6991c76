"""Where to look next: the arithmetic of decisions, out of numbers that were measured."""

from .peak import Peak, next_place, peak
from .search import Search

__all__ = ["Peak", "Search", "next_place", "peak"]
