"""A thread of its own for whoever is not to wait: it does one errand after the other.

To start a thread for each took a steered step 0.2 ms, and milliseconds on a busy machine: Python
waits until a new thread runs. A microscope's own scripting may also want one thread always (COM).
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeAlias

Errand: TypeAlias = Callable[[], Any]
_Todo: TypeAlias = SimpleQueue[Errand | None]


class Errands:
    """Begins with the first errand, and ends when nobody has this object any more."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._todo: _Todo = SimpleQueue()
        self._begun = threading.Lock()

    def run(self, errand: Errand) -> None:
        """Do it after those that were given before; it raises nothing."""
        if self._begun.acquire(blocking=False):  # never released: once
            weakref.finalize(self, self._todo.put, None)
            threading.Thread(target=_work, args=(self._todo,), name=self._name, daemon=True).start()
        self._todo.put(errand)


def _work(todo: _Todo) -> None:
    errand: Errand | None = None
    while (errand := todo.get()) is not None:
        errand()
        errand = None  # while it waits it keeps nobody alive
