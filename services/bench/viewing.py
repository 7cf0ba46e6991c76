"""Pretend browsers: each asks for the newest frame and result, again once it has them.

Run as `python -m beamside.services.bench.viewing`: reads one JSON line with address, token and how
many; looks until told `stop`, then prints how many pictures and results came, and how late.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

PATIENCE = 2
"""Seconds of a long poll."""


@dataclass
class Seen:
    """What all of them got."""

    pictures: int = 0
    results: int = 0
    nbytes: int = 0
    failures: int = 0
    words: list[str] = field(default_factory=list)


async def look(host: str, port: int, token: str, size: int, seen: Seen) -> None:
    """Be one viewer, for ever."""
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 22)
    after = {"frames": "0", "results": "0"}
    while True:
        for kind, more in (("frames", f"&size={size}&wait={PATIENCE}"), ("results", "")):
            path = f"/api/v1/{kind}/latest?after={after[kind]}{more}"
            head = f"GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n"
            writer.write(head.encode())
            status, headers, body = await answer(reader)
            seen.nbytes += len(body)
            if status == 200 and kind == "frames":
                seen.pictures += 1
                after[kind] = headers["x-seq"]
            elif status == 200:
                seen.results += 1
                after[kind] = str(orjson.loads(body)["seq"])
            elif status != 204:
                seen.failures += 1
                seen.words.append(body[:200].decode("utf-8", "replace"))
                await asyncio.sleep(0.5)


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one answer."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return (
        int(lines[0].split()[1]),
        headers,
        await reader.readexactly(int(headers.get("content-length", 0))),
    )


async def run(want: dict[str, Any]) -> Seen:
    """Look until the next line on stdin."""
    there, seen = urlsplit(want["address"]), Seen()
    host, port = str(there.hostname), int(there.port or 80)
    tasks = [
        asyncio.ensure_future(look(host, port, want["token"], want["size"], seen))
        for _ in range(want["viewers"])
    ]
    await asyncio.to_thread(sys.stdin.readline)
    failed = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    for error in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(error, asyncio.CancelledError):
            seen.words.append(repr(error)[:200])
    seen.failures += len(failed)
    return seen


def main() -> None:
    """Be all of them."""
    seen = asyncio.run(run(orjson.loads(sys.stdin.readline())))
    said = {k: getattr(seen, k) for k in ("pictures", "results", "nbytes", "failures")}
    sys.stdout.write(orjson.dumps(said | {"words": seen.words[:3]}).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
