"""A set of frame numbers, kept as ranges: a million frames in a row cost one pair."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Numbers:
    """Whole numbers from 0 up, as sorted ranges [first, stop)."""

    __slots__ = ("_count", "_firsts", "_stops")

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._firsts: list[int] = []
        self._stops: list[int] = []
        self._count = 0
        for number in numbers:
            self.add(number)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number < self._stops[at]

    def __iter__(self) -> Iterator[int]:
        for first, stop in zip(self._firsts, self._stops, strict=True):
            yield from range(first, stop)

    @property
    def first(self) -> int:
        """The lowest number; 0 when empty."""
        return self._firsts[0] if self._firsts else 0

    @property
    def stop(self) -> int:
        """One more than the highest number; 0 when empty."""
        return self._stops[-1] if self._stops else 0

    def add(self, number: int) -> bool:
        """Take `number` in; False if it was there already."""
        stops = self._stops
        if stops and stops[-1] == number:  # the common case: frames come in order
            stops[-1] = number + 1
            self._count += 1
            return True
        at = bisect_right(self._firsts, number)
        if at and number < stops[at - 1]:
            return False
        joins_left = at > 0 and stops[at - 1] == number
        joins_right = at < len(self._firsts) and self._firsts[at] == number + 1
        if joins_left and joins_right:
            stops[at - 1] = stops.pop(at)
            self._firsts.pop(at)
        elif joins_left:
            stops[at - 1] = number + 1
        elif joins_right:
            self._firsts[at] = number
        else:
            self._firsts.insert(at, number)
            stops.insert(at, number + 1)
        self._count += 1
        return True

    def add_ranges(self, ranges: Iterable[tuple[int, int]]) -> int:
        """Take in every number from first to last of each range; how many were new."""
        return sum(self.add(n) for first, last in ranges for n in range(first, last + 1))

    def covers(self, other: Numbers) -> bool:
        """Whether every number of `other` is here too."""
        return all(self._holds(first, last) for first, last in other.ranges())

    def _holds(self, first: int, last: int) -> bool:
        at = bisect_right(self._firsts, first) - 1
        return at >= 0 and last < self._stops[at]

    def discard(self, number: int) -> None:
        """Take `number` out again, if it is there."""
        at = bisect_right(self._firsts, number) - 1
        if at < 0 or number >= self._stops[at]:
            return
        first, stop = self._firsts[at], self._stops[at]
        left = [(first, number)] if number > first else []
        right = [(number + 1, stop)] if number + 1 < stop else []
        self._firsts[at : at + 1] = [a for a, _ in left + right]
        self._stops[at : at + 1] = [b for _, b in left + right]
        self._count -= 1

    def ranges(self) -> list[tuple[int, int]]:
        """The ranges as (first, last), both inclusive."""
        return [(a, b - 1) for a, b in zip(self._firsts, self._stops, strict=True)]

    def gaps(self, stop: int, start: int = 0) -> list[tuple[int, int]]:
        """What is missing of `start` to `stop` - 1, as (first, last), both inclusive."""
        gaps, at = [], start
        for first, end in zip(self._firsts, self._stops, strict=True):
            if first >= stop:
                break
            if first > at:
                gaps.append((at, first - 1))
            at = end
        if at < stop:
            gaps.append((at, stop - 1))
        return gaps
