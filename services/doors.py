"""The doors of a service: what may be reached from another machine, and how it is locked.

One rule: nothing leaves this machine unencrypted unless `security.unencrypted` says so. Results
(`bus.results`) are locked with keys of `beamside keys make`. The page speaks plain HTTP behind a
token; TLS is the work of a reverse proxy, and then the page stays on 127.0.0.1. What a detector
sends can't be encrypted: its stream belongs on a network of its own (SECURITY.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..stream.curve import Lock, curve_of
from ..stream.errors import KeyFileError
from ..stream.keyfiles import SECRET, allowed_keys, read_pair, read_public
from ..stream.urls import parse_url
from .ports import is_local, is_loopback

if TYPE_CHECKING:
    from .settings import Settings, ViewerSettings

SERVER = "server"
"""Name of this service's own pair in the folder of keys."""
ALLOWED = "allowed"
"""Folder, beside it, of the public keys of those who may listen."""


@dataclass(frozen=True, slots=True)
class Door:
    """One address for listeners outside, and its lock; without one whoever reaches it is let in."""

    endpoint: str
    lock: Lock | None = None


def lock_of(keys: Path) -> Lock:
    """The lock whose keys lie in a folder of `beamside keys make`."""
    return Lock(keys / f"{SERVER}{SECRET}", keys / ALLOWED)


def results_door(settings: Settings) -> Door | None:
    """Where others may listen to results; None if nowhere."""
    endpoint, keys = settings.bus.results, settings.security.keys
    if endpoint is None:
        return None
    # an ipc socket is a file of this machine: its folder says who may come in
    locked = keys is not None and not endpoint.startswith("ipc:")
    return Door(endpoint, lock_of(keys) if locked and keys is not None else None)


def page_hosts(viewer: ViewerSettings) -> tuple[str, ...]:
    """The names by which a browser may call the page; an address for all is not one of them."""
    own = () if viewer.host in ("0.0.0.0", "::") else (viewer.host,)  # noqa: S104  not bound here
    return ("127.0.0.1", "localhost", "::1", *own, *viewer.allowed_hosts)


def refused(settings: Settings) -> list[str]:
    """Why these settings are refused, a line each: what would leave this machine in the clear."""
    said = [_open_bus(settings), _open_page(settings)]
    return [line for line in said if line]


def _open_bus(settings: Settings) -> str:
    door = results_door(settings)
    if door is None or door.lock or is_local(door.endpoint) or settings.security.unencrypted:
        return ""
    return (
        f"bus.results = {door.endpoint!r}: other machines could read all results. Make keys "
        "(`beamside keys make FOLDER`) and set security.keys = FOLDER; or, on a network that "
        "nobody else is on, say security.unencrypted = true"
    )


def _open_page(settings: Settings) -> str:
    viewer = settings.viewer
    if not viewer.enabled or is_loopback(viewer.host):
        return ""
    if settings.security.unencrypted and viewer.allowed_hosts:
        return ""
    return (
        f"viewer.host = {viewer.host!r}: the page speaks plain HTTP, so who listens on the network "
        "could read its token. Keep 127.0.0.1 and put a reverse proxy with TLS before it, which "
        "viewer.allowed_hosts names; or say security.unencrypted = true, and name in "
        "viewer.allowed_hosts what browsers call this machine"
    )


def problems(settings: Settings) -> list[str]:
    """What is wrong with the key files that the settings name, a line each; reads them."""
    door = results_door(settings)
    url = parse_url(settings.source.url)
    found: list[str] = []
    try:
        if door is not None and door.lock is not None:
            _check(door.lock)
    except KeyFileError as error:
        found.append(f"security.keys: {error}")
    try:
        curve = curve_of(url, binds=url.flag("bind"))
        if isinstance(curve, Lock):
            _check(curve)
        elif curve is not None:
            read_pair(curve.own)
            read_public(curve.server)
    except (KeyFileError, ValueError) as error:
        found.append(f"source.url: {error}")
    return found


def _check(lock: Lock) -> None:
    read_pair(lock.own)
    allowed_keys(lock.allowed)


def warnings(settings: Settings) -> Sequence[str]:
    """What people should know of the doors that stand open, in a sentence each."""
    said = []
    door = results_door(settings)
    if door is not None and door.lock is not None and not allowed_keys(door.lock.allowed):
        said.append(f"nobody may listen to {door.endpoint} yet: beamside keys allow")
    if door is not None and door.lock is None and not is_local(door.endpoint):
        said.append(f"results on {door.endpoint} are not encrypted: who reaches it can read them")
    if settings.viewer.enabled and not is_loopback(settings.viewer.host):
        said.append(
            "the page can be reached from other machines and is not encrypted: who listens on the "
            "network can read its token, look at everything, and accept a calibration"
        )
    return said
