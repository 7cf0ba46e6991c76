"""A headless Chromium, spoken to by its DevTools protocol, with nothing on that disturbs it.

Tools that drive browsers listen to the network of a page: each byte that comes by WebSocket then
goes through the browser's own process and on to the tool, which costs more than the page.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from websockets.sync.client import ClientConnection, connect

FLAGS = (
    *("--headless=new", "--remote-debugging-port=0", "--no-sandbox", "--no-first-run"),
    *("--disable-quic", "--disable-background-networking", "--disable-component-update"),
    *("--disable-extensions", "--disable-sync", "--mute-audio", "--hide-scrollbars"),
)
PATIENCE = 90.0


def find() -> str | None:
    """The Chromium of this machine."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def started(width: int, height: int, flags: tuple[str, ...] = ()) -> Iterator[Page]:
    """A Chromium with one empty page of so many pixels."""
    program = find()
    if program is None:
        raise FileNotFoundError("no Chromium here: install the distribution's package chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        size = f"--window-size={width},{height}"
        command = [program, *FLAGS, *flags, size, f"--user-data-dir={folder}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        try:
            address = _address(Path(folder) / "DevToolsActivePort", process)
            with connect(address, max_size=None, proxy=None) as socket:
                yield Page(socket, process.pid, width, height)
        finally:
            process.terminate()
            process.wait(20)


def _address(file: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        lines = file.read_text().split() if file.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise OSError("Chromium did not start; run it by hand to see why")


class Page:
    """A page, and the browser around it."""

    def __init__(self, socket: ClientConnection, pid: int, width: int, height: int) -> None:
        self.pid = pid
        self._socket = socket
        self._number = 0
        target = self.browser("Target.createTarget", url="about:blank")["targetId"]
        attached = self.browser("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **metrics)

    def browser(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask the browser."""
        return self._ask({"method": method, "params": params})

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask the page."""
        return self._ask({"method": method, "params": params, "sessionId": self._session})

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._socket.send(orjson.dumps({"id": self._number, **message}).decode())
        while True:
            said = orjson.loads(self._socket.recv(PATIENCE))
            if said.get("id") == self._number:
                break
        if "error" in said:
            raise RuntimeError(f"{message['method']}: {said['error'].get('message')}")
        answer: dict[str, Any] = said["result"]
        return answer

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        how = {"awaitPromise": True, "returnByValue": True}
        answer = self.send("Runtime.evaluate", expression=expression, **how)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"])[:500])
        return answer["result"].get("value")

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far of the browser's processes, by kind."""
        spent: dict[str, float] = defaultdict(float)
        for one in self.browser("SystemInfo.getProcessInfo")["processInfo"]:
            spent[one["type"].partition(".")[0]] += one["cpuTime"]
        return dict(spent)

    def threads(self) -> dict[str, float]:
        """CPU seconds so far of the browser's threads, by kind of process and name."""
        spent: dict[str, float] = defaultdict(float)
        for one in self.browser("SystemInfo.getProcessInfo")["processInfo"]:
            kind = one["type"].partition(".")[0]
            for task in Path(f"/proc/{one['id']}/task").glob("*"):
                with contextlib.suppress(OSError):
                    name = (task / "comm").read_text().strip()
                    nanoseconds = int((task / "schedstat").read_text().split()[0])
                    main = task.name == str(one["id"])
                    spent[f"{kind}/{'main' if main else name}"] += nanoseconds / 1e9
        return dict(spent)
