"""Somebody who listens on the public bus of a service."""

from __future__ import annotations

import threading
from typing import Any

from beamside.services import notices
from beamside.stream.messages import Result


class Ear:
    """A listener on the public bus, in a thread: the last notice, and when each result was done."""

    def __init__(self, endpoint: str) -> None:
        self.status: dict[str, Any] = {}
        self.closed: dict[str, dict[str, Any]] = {}
        """Every run that was closed, by its key."""
        self.done_ns: list[int] = []
        """When each result was done; filled only while `results` is set."""
        self.results = False
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._listen, args=(endpoint,), daemon=True)
        self._thread.start()

    def _listen(self, endpoint: str) -> None:
        socket = notices.listen(endpoint)
        while not self._gone.is_set():
            if not socket.poll(50):
                continue
            parts = [part.buffer for part in socket.recv_multipart(copy=False)]
            if len(parts) > 1 and not self.results:
                continue
            said = notices.read(parts)
            if isinstance(said, dict):
                self.closed |= {run["run"]: run for run in said.get("closed", ())}
                self.status = said
            elif isinstance(said, Result):
                self.done_ns.append(said.done_ns)
        socket.close(0)

    def done_after(self, moment_ns: int) -> list[int]:
        """When results were done later than a moment."""
        return [done for done in list(self.done_ns) if done > moment_ns]

    def close(self) -> None:
        """Stop listening."""
        self._gone.set()
        self._thread.join(5)
