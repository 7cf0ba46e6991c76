"""A bluesky Status: something under way that ends well, or with the reason why not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("beamside.steering")


class Waiting:
    """Obeys `bluesky.protocols.Status`; may be ended from any thread, once."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[Waiting], None]] = []
        self._exception: BaseException | None = None

    def add_callback(self, callback: Callable[[Waiting], None]) -> None:
        """Call `callback(self)` at the end; at once if that is over."""
        with self._lock:
            if not self._ended.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def exception(self, timeout: float | None = 0.0) -> BaseException | None:
        """Why it failed, None if it did not; TimeoutError if it has not ended within `timeout`."""
        if not self._ended.wait(timeout):
            raise TimeoutError("it has not ended yet")
        return self._exception

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._ended.is_set()

    @property
    def success(self) -> bool:
        """Whether it has ended well."""
        return self.done and self._exception is None

    def end(self, exception: BaseException | None = None) -> bool:
        """End it, badly with an exception; tell whether this call did."""
        with self._lock:
            if self._ended.is_set():
                return False
            self._exception = exception
            self._ended.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback(self)
            except Exception:  # of whoever waits: the others are told, and this thread goes on
                log.exception("a callback of a status failed: %r", callback)
        return True
