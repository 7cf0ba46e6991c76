"""A whole service, as a user starts it: real processes, real sockets, real files."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beamside.stream.sinks import ZmqSink
from beamside.stream.urls import parse_url

START_S = 40


class Command:
    """A running `beamside` command."""

    def __init__(self, *arguments: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "beamside.services.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def wait_for(self, words: str, seconds: float = START_S, times: int = 1) -> str:
        """The first line on stderr that matches `words`, or the one that does so the nth time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            matching = [line for line in list(self.lines) if re.search(words, line)]
            if len(matching) >= times:
                return matching[times - 1]
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"{words!r} never came:\n" + "".join(self.lines))

    def wait_for_status(self, seconds: float = START_S, **counts: int) -> None:
        """Until its line of progress says so, e.g. received=20."""
        words = "".join(rf"(?=.*\b{key} {value}\b)" for key, value in counts.items())
        self.wait_for(words, seconds)

    def kill(self, name: str) -> None:
        """SIGKILL a process of it, by name (processor-0) or by role (processor)."""
        listed = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", f"service ([a-z]+ )?{name} "],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        os.kill(int(listed.stdout.split()[0]), signal.SIGKILL)

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float = START_S) -> dict[str, Any]:
        """Wait for the end; the last line of stdout as JSON, and the exit code."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.close()
            raise AssertionError("it did not end:\n" + "".join(self.lines)) from None
        assert self.process.stdout is not None
        out = self.process.stdout.read().strip().splitlines()
        said: dict[str, Any] = json.loads(out[-1]) if out else {}
        return {**said, "code": code}

    def close(self) -> None:
        """Make sure that nothing of it is left."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def command() -> Iterator[Callable[..., Command]]:
    """Start `beamside` with these arguments; it is gone after the test."""
    running: list[Command] = []

    def start(*arguments: str) -> Command:
        running.append(Command(*arguments))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def instrument(tmp_path: Path) -> Callable[..., Path]:
    """Write the settings of an instrument whose source binds a free ipc socket."""

    def write(analysis: str = "sum", wire: str = "dectris", more: str = "") -> Path:
        file = tmp_path / "instrument.toml"
        file.write_text(
            f'[source]\nurl = "{wire}+ipc://{tmp_path}/detector?bind=1"\nname = "eiger"\n'
            f'end_timeout_s = 3\n[analysis]\nname = "{analysis}"\npolicy = "wait"\n'
            f'[archive]\nfolder = "{tmp_path}/archive"\n[viewer]\nenabled = false\n{more}'
        )
        return file

    return write


@pytest.fixture
def detector(tmp_path: Path) -> Iterator[ZmqSink]:
    """A sender that connects to the socket of `instrument`."""
    sink = ZmqSink(parse_url(f"dectris+ipc://{tmp_path}/detector?bind=0"))
    yield sink
    sink.close(0)


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install an analysis as a stranger's package would: its name, its class, the file's text."""

    def install(name: str, kind: str, text: str) -> None:
        module = f"{name}_plugin"
        (tmp_path / f"{module}.py").write_text(text)
        info = tmp_path / f"{module}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        points = f"[beamside.analyses]\n{name} = {module}:{kind}\n"
        (info / "entry_points.txt").write_text(points)
        before = os.environ.get("PYTHONPATH", "")
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{before}")

    return install


@pytest.fixture
def until() -> Callable[..., Any]:
    """Look again and again until something is found; AssertionError after `seconds`."""

    def wait(look: Callable[[], Any], seconds: float = 20.0) -> Any:
        end = time.monotonic() + seconds
        while not (found := look()):
            assert time.monotonic() < end, "it never came"
            time.sleep(0.02)
        return found

    return wait
