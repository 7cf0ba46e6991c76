"""The processes of a service, found so that they can be killed and measured."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path


def children(parent: int) -> list[tuple[str, str, int]]:
    """The processes of a service: (role, name, process id)."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError, ValueError):  # gone, or not begun yet
            if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) != parent:
                continue
            words = (folder / "cmdline").read_bytes().decode().split("\0")
            at = words.index("beamside.services.service")
            found.append((words[at + 1], words[at + 2], int(folder.name)))
    return found


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    return False


def slay(pid: int) -> bool:
    """SIGKILL, and wait until it has let go of its files; False if it was gone already."""
    if not running(pid):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    while running(pid):
        time.sleep(0.001)
    return True


def memory(pid: int) -> dict[str, float]:
    """Resident memory of a process in MB: `rss` with the mapped files, `anon` without."""
    with contextlib.suppress(OSError, KeyError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "RssAnon")))
        kb = {name: int(value.split()[0]) for name, value in fields.items()}
        return {"rss": kb["VmRSS"] / 1e3, "anon": kb["RssAnon"] / 1e3}
    return {}
