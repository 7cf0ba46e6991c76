"""A page and a helm as a service has them, on a real port, without the rest of the service."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from beamside.services.desk import Receipt
from beamside.services.helm import FILE, Helm
from beamside.services.viewer import Server, ViewState, create_app
from beamside.stream.account import Account

TOKEN = "a-token-for-tests"  # noqa: S105


class Helmed:
    """Ingest as far as its helm goes: one open run `7`, notices to `send`."""

    def __init__(self, folder: Path, send: Callable[..., None]) -> None:
        self.account = Account()
        self.notes: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self._send, self._path = send, folder / FILE
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self.stand_in = SimpleNamespace(
            alarms={},
            ledger=SimpleNamespace(runs={"7": SimpleNamespace(account=self.account)}),
            spools=SimpleNamespace(note=lambda run, kind, event: self.notes.append(event)),
            desk=SimpleNamespace(reply=lambda to, what: self.answers.append(what)),
            notice=lambda: self._send("7", steering=self.helm.as_json()),
        )
        self.helm: Any = None
        self.restart()
        self.answering = True
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self._ready.wait(10)

    def restart(self) -> None:
        """As after a crash: what is known is what is on the disk."""
        self.helm = Helm(self.stand_in, self._path)  # type: ignore[arg-type]

    async def _act(self, said: dict[str, Any]) -> dict[str, Any]:
        if not self.answering:
            raise TimeoutError
        self.helm.hear(Receipt("preview", "page", "steering", {**said, "id": 1}))
        return {key: value for key, value in self.answers.pop().items() if key != "id"}

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = Server(create_app(ViewState(), token=TOKEN, steer=self._act))
        self.port = self._loop.run_until_complete(server.start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(server.stop())
        self._loop.close()

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}"

    def post(self, **wish: Any) -> httpx.Response:
        """What a person does."""
        return httpx.post(
            f"http://127.0.0.1:{self.port}/api/v1/steering",
            json={"by": "ann", **wish},
            headers={"authorization": f"Bearer {TOKEN}"},
            trust_env=False,
        )

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """What the run's archive will say."""
        return [one for one in self.account.events if not kinds or one["event"] in kinds]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
