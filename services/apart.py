"""Reading what may be damaged in a process apart: libhdf5 can crash or loop on such a file."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any

import orjson

from ..stream.errors import FileError, StreamError


def apart(work: Callable[[], Any], seconds: float, what: object) -> Any:
    """Give what `work` gives (plain JSON), done in a child; FileError if the child fails.

    `what` names in the error what was read. The child is killed after `seconds`.
    """
    end, start = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(end)
        _do(work, start)
    os.close(start)
    said, late = _hear(end, seconds)
    os.close(end)
    if late:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if late:
        raise FileError(f"{what} could not be read within {seconds:.0f} s: it is damaged")
    if os.WIFSIGNALED(status) or not said:
        name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "no word"
        raise FileError(f"{what} made its reader crash ({name}): it is damaged")
    answer = orjson.loads(said)
    if "error" in answer:
        raise FileError(answer["error"])
    return answer["done"]


def _do(work: Callable[[], Any], out: int) -> None:
    """In the child: work, tell, and go without any ceremony of the parent's."""
    try:
        try:
            said = orjson.dumps({"done": work()}, default=str)
        except (StreamError, OSError, ValueError) as error:
            said = orjson.dumps({"error": str(error)})
        with os.fdopen(out, "wb") as stream:
            stream.write(said)
    finally:
        os._exit(0)


def _hear(end: int, seconds: float) -> tuple[bytes, bool]:
    """Take in what the child says to its end; tell whether it took too long."""
    pieces: list[bytes] = []
    until = time.monotonic() + seconds
    while True:
        ready, _, _ = select.select([end], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return b"", True
        piece = os.read(end, 1 << 16)
        if not piece:
            return b"".join(pieces), False
        pieces.append(piece)
