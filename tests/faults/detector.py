"""The sender process, steered from a harness."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from typing import Any

import orjson


class Detector:
    """The sender process, steered."""

    def __init__(self, **want: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "beamside.tests.faults.sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.tell(orjson.dumps(want).decode())
        self.endpoint: str = self.said()["endpoint"]

    def tell(self, line: str) -> None:
        """Tell it to go, to pause, or how fast."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def said(self, seconds: float = 120.0) -> dict[str, Any]:
        """What it says next; AssertionError if it is made to wait for ever."""
        try:
            said: dict[str, Any] = orjson.loads(self._lines.get(timeout=seconds))
        except queue.Empty:
            raise AssertionError("nobody takes what the sender sends") from None
        return said

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def pause(self) -> dict[str, Any]:
        """Let it send the series under way to its end; `sent` says what it has sent."""
        self.tell("pause")
        return self.said()

    def close(self) -> None:
        """Send no more."""
        self._process.kill()
        self._process.wait()
        self._reader.join(5)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
