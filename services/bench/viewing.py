"""Pretend pages: each asks for what is new on its line, and again once it has it.

Run as `python -m beamside.services.bench.viewing`: reads one JSON line with address and token, then
how many shall look, line by line; answers each with what all of them got so far. Leaves at `stop`.
It has the lowest priority: real pages run on other machines, and take no time from the service.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

SOONEST = 1 / 15
"""A page asks again no sooner."""
TEXT, BINARY, PING, PONG = 1, 2, 9, 10


@dataclass
class Seen:
    """What all of them got."""

    updates: int = 0
    nbytes: int = 0
    failures: int = 0
    words: list[str] = field(default_factory=list)


@dataclass
class Line:
    """A WebSocket, as bare as it may be: what is measured is the service."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def join(self, host: str, token: str) -> None:
        """Turn the connection into a line."""
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write(
            f"GET /api/v1/line HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n"
            "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
            f"sec-websocket-key: {key}\r\n\r\n".encode()
        )
        said = await self.reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in said.partition(b"\r\n")[0]:
            raise OSError(said[:100].decode("latin-1"))

    def say(self, kind: int, body: bytes) -> None:
        """Send one message, masked with zeros."""
        size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2)
        self.writer.write(bytes([0x80 | kind]) + size + bytes(4) + body)

    async def answer(self) -> bytes:
        """The next answer, of one message or several."""
        body = await self.hear()
        while len(body) < int.from_bytes(body[4:8], "little"):
            body += await self.hear()
        return body

    async def hear(self) -> bytes:
        """The next message."""
        while True:
            first, size = await self.reader.readexactly(2)
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
            body = await self.reader.readexactly(size)
            if first & 15 == BINARY:
                return body
            if first & 15 != PING:
                raise OSError(f"the line said {first & 15}: {body[:100]!r}")
            self.say(PONG, body)


async def look(host: str, port: int, token: str, size: int, seen: Seen) -> None:
    """Be one page, for ever."""
    line = Line(*await asyncio.open_connection(host, port, limit=1 << 22))
    try:
        await line.join(host, token)
        after: dict[str, Any] = {"result": 0, "frame": 0}
        what = {"image": f"enc=u8&size={size}&percentiles=0.1,99.9", "wants": []}
        while True:
            began = time.monotonic()
            line.say(TEXT, orjson.dumps({"after": after, "what": what}))
            body = await line.answer()
            head = orjson.loads(body[8 : 8 + int.from_bytes(body[:4], "little")])
            if "error" in head or any(part["status"] != 200 for part in head["parts"]):
                seen.failures += 1
                seen.words.append(str(head)[:200])
            for part in head.get("parts", ()):
                run = part["headers"]["x-run"]
                after |= {"frame": int(part["headers"]["x-seq"]), "run": run}
            after["result"] = head["result"]["seq"] if head.get("result") else after["result"]
            seen.updates += bool(head.get("parts"))
            seen.nbytes += len(body)
            await asyncio.sleep(max(0.0, SOONEST - (time.monotonic() - began)))
    finally:
        line.writer.close()


async def run(want: dict[str, Any]) -> None:
    """Look with as many as the next line says."""
    there, seen = urlsplit(want["address"]), Seen()
    host, port = str(there.hostname), int(there.port or 80)
    tasks: list[asyncio.Task[None]] = []
    while (line := (await asyncio.to_thread(sys.stdin.readline)).strip()) != "stop" and line:
        for task in [task for task in tasks if task.done()]:
            tasks.remove(task)
            seen.failures += 1
            seen.words.append(repr(task.exception())[:200])
        while len(tasks) < int(line):
            tasks.append(asyncio.create_task(look(host, port, want["token"], want["size"], seen)))
        for task in tasks[int(line) :]:
            task.cancel()
        await asyncio.gather(*tasks[int(line) :], return_exceptions=True)
        del tasks[int(line) :]
        sys.stdout.write(orjson.dumps(asdict(seen) | {"words": seen.words[:3]}).decode() + "\n")
        sys.stdout.flush()


def main() -> None:
    """Be all of them."""
    os.nice(19)
    asyncio.run(run(orjson.loads(sys.stdin.readline())))


if __name__ == "__main__":
    main()
