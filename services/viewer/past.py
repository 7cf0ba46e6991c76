"""Past runs: what the archives hold, read by a process apart that may crash or hang."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from ...stream import wire
from ...stream.errors import FileError, StreamError
from ...stream.messages import Frame, Result
from ...stream.nexus.names import may_hold
from .state import Held

PATIENCE_S = 20.0
"""Then a file is called damaged; starting the reader is in it."""
MODULE = "beamside.services.archives"
LARGEST = 2 << 30
"""Bytes of an answer."""


class Past:
    """The archives in `folder`, None where nothing is archived; belongs to one event loop.

    What was read is kept, up to `memory` bytes. Methods raise FileError.
    """

    def __init__(
        self, folder: Path | None, memory: int = 128 << 20, spool: Path | None = None
    ) -> None:
        """`spool` is where the spools of runs that go on are; None: `spool` in `folder`."""
        self.folder = folder
        self.spool = spool
        self.memory = memory
        self._held: OrderedDict[tuple[Any, ...], Held[Any]] = OrderedDict()
        self._bytes = 0
        self._known: dict[str, tuple[str, dict[str, Any]]] = {}
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def ids(self) -> list[tuple[str, str]]:
        """Names of the archives, newest first, with a mark that changes when they do."""
        if self.folder is None:
            return []
        return [(name, mark) for name, mark in orjson.loads((await self._ask({"do": "list"}))[0])]

    async def run(self, name: str, mark: str | None = None) -> dict[str, Any]:
        """What an archive holds; a damaged one says so under `problems`."""
        known = self._known.get(name)
        if known is not None and known[0] == mark and known[1]["status"] != "unfinished":
            return dict(known[1])
        try:
            said = orjson.loads((await self._ask({"do": "run", "id": name}))[0])
        except FileError as error:
            said = {**DAMAGED, "run": name, "problems": [str(error)]}
        said["id"] = name
        self._known[name] = (mark or "", said)
        return dict(said)

    def known(self, name: str) -> dict[str, Any] | None:
        """What was read of an archive before."""
        return self._known[name][1] if name in self._known else None

    async def find(self, run: str) -> str | None:
        """The archive of that name, or the newest of a run of that name."""
        names = await self.ids()
        for name, mark in names:
            if name == run:
                await self.run(name, mark)
                return run
        return await self._newest(run, names)

    async def newest(self, run: str) -> str | None:
        """The archive of the newest run of that name."""
        return await self._newest(run, await self.ids())

    async def _newest(self, run: str, names: Sequence[tuple[str, str]]) -> str | None:
        for name, mark in names:
            if may_hold(name, run) and (await self.run(name, mark))["run"] == run:
                return name
        return None

    async def frame(self, name: str, number: int) -> Held[Frame]:
        """One archived frame."""
        return await self._message({"do": "frame", "id": name, "number": number})

    async def result(self, name: str, number: int, analysis: str) -> Held[Result]:
        """One frame's archived result."""
        wish = {"do": "result", "id": name, "number": number, "analysis": analysis}
        return await self._message(wish)

    async def where(self, name: str, number: int, analysis: str, what: str) -> dict[str, Any]:
        """Where in an archive a variable lies, or a channel where no analysis is named."""
        wish = {"do": "where", "id": name, "number": number, "analysis": analysis, "name": what}
        said: dict[str, Any] = orjson.loads((await self._ask(wish))[0])
        return said

    async def close(self) -> None:
        """End the reader."""
        async with self._turn:
            await self._end()

    async def _message(self, wish: dict[str, Any]) -> Held[Any]:
        key = tuple(wish.values())
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        try:
            message: Any = wire.decode(await self._ask(wish))
        except StreamError as error:
            raise FileError(str(error)) from error
        nbytes = message.nbytes if isinstance(message, Frame) else message.data.nbytes
        held = self._held[key] = Held(0, message, nbytes, archive=wish["id"])
        self._bytes += nbytes
        while len(self._held) > 1 and self._bytes > self.memory:
            self._bytes -= self._held.popitem(last=False)[1].nbytes
        return held

    async def _ask(self, wish: dict[str, Any]) -> Sequence[bytes]:
        async with self._turn:
            what = str(wish.get("id", self.folder))
            try:
                parts = await asyncio.wait_for(self._talk(wish), PATIENCE_S)
            except TimeoutError as error:
                await self._end()
                words = f"{what} could not be read within {PATIENCE_S:.0f} s: it is damaged"
                raise FileError(words) from error
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                code = await self._end()
                raise FileError(f"{what} made its reader crash ({code}): it is damaged") from error
            except asyncio.CancelledError:
                await self._end()  # half an answer may lie in the pipe
                raise
        if len(parts) == 1 and parts[0].startswith(b'{"error":'):
            raise FileError(str(orjson.loads(parts[0])["error"]))
        return parts

    async def _talk(self, wish: dict[str, Any]) -> Sequence[bytes]:
        child = self._child
        if child is None or child.returncode is not None:
            child = self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", MODULE, str(self.folder)),
                *([] if self.spool is None else [str(self.spool)]),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=1 << 22,
                start_new_session=True,
            )
        assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018
        child.stdin.write(orjson.dumps(wish) + b"\n")
        await child.stdin.drain()
        count = int.from_bytes(await child.stdout.readexactly(8), "little")
        heads = await child.stdout.readexactly(8 * count)
        sizes = [int.from_bytes(heads[n : n + 8], "little") for n in range(0, len(heads), 8)]
        if sum(sizes) > LARGEST:
            raise ValueError("too large")
        return [await child.stdout.readexactly(size) for size in sizes]

    async def _end(self) -> str:
        """Kill the reader; how it ended, in words."""
        child, self._child = self._child, None
        if child is None:
            return "not started"
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        code = await child.wait()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


DAMAGED: dict[str, Any] = {
    **{"source": "", "status": "damaged", "reason": "", "start_time": "", "end_time": ""},
    **{"frames": 0, "first": None, "last": None, "missing": 0, "shape": None, "analyses": []},
    **{"path": None, "numbers": [], "results": {}, "channels": [], "calibration": {}},
    "account": {},
}
