"""A bounded queue that says what happens when it is full.

    wait      it takes no more: the sender is made to wait (nothing is ever skipped)
    newest    the oldest gives way to the newest
    every-n   one of n is taken, and beyond the bound the oldest gives way

Whatever gives way is handed back, so that it can be counted and listed by number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
POLICIES = ("wait", "newest", "every-n")


@dataclass(slots=True)
class Backlog(Generic[Item]):
    """What one reader still has to take."""

    policy: str = "wait"
    """One of POLICIES."""
    capacity: int = 64
    """Items at most."""
    capacity_bytes: int = 1 << 30
    """Bytes at most; one item is always allowed, however large."""
    n: int = 1
    """Of `every-n`: one of n is taken."""
    nbytes: int = 0
    _items: deque[tuple[Item, int]] = field(default_factory=deque)
    _seen: int = 0

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ValueError(f"no policy {self.policy!r}; allowed: {', '.join(POLICIES)}")
        if self.capacity < 1 or self.n < 1:
            raise ValueError("capacity and n must be 1 or more")

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether the next item would go beyond the bound."""
        return len(self._items) >= self.capacity or (
            bool(self._items) and self.nbytes >= self.capacity_bytes
        )

    @property
    def fill(self) -> float:
        """How full it is, 0 to 1, by count or by bytes, whichever is more."""
        return max(len(self._items) / self.capacity, self.nbytes / max(self.capacity_bytes, 1))

    def offer(self, item: Item, nbytes: int = 0) -> list[Item]:
        """Take `item`; give back what was skipped for it (under `wait`: never anything).

        Under `wait` the caller is to look at `full` first; an item offered all the same is kept.
        """
        self._seen += 1
        if self.policy == "every-n" and (self._seen - 1) % self.n:
            return [item]
        skipped = []
        while self.policy != "wait" and self.full:
            old, size = self._items.popleft()
            self.nbytes -= size
            skipped.append(old)
        self._items.append((item, nbytes))
        self.nbytes += nbytes
        return skipped

    def give_back(self, item: Item, nbytes: int = 0) -> None:
        """Put `item` first in the queue again: its reader died with it in hand."""
        self._items.appendleft((item, nbytes))
        self.nbytes += nbytes

    def give_last(self, item: Item, nbytes: int = 0) -> None:
        """Put `item` last in the queue whatever the bound: it must not be skipped."""
        self._items.append((item, nbytes))
        self.nbytes += nbytes

    def withdraw(self, unwanted: Callable[[Item], bool]) -> list[Item]:
        """Take out and give every item that is `unwanted`."""
        out = [item for item, _ in self._items if unwanted(item)]
        kept = [(item, size) for item, size in self._items if not unwanted(item)]
        self._items = deque(kept)
        self.nbytes = sum(size for _, size in kept)
        return out

    def peek(self) -> Item | None:
        """Show the oldest item, or None."""
        return self._items[0][0] if self._items else None

    def take(self) -> Item | None:
        """Give the oldest item, or None."""
        if not self._items:
            return None
        item, size = self._items.popleft()
        self.nbytes -= size
        return item
