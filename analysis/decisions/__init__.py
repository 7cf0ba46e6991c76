"""Where to look next: the arithmetic of decisions, out of numbers that were measured."""

from .expected import Expected, expected
from .peak import Peak, next_place, peak
from .search import Search

__all__ = ["Expected", "Peak", "Search", "expected", "next_place", "peak"]
