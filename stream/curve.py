"""Locks on sockets: CURVE encrypts, and each end knows the other by its key.

The end that binds has a `Lock`: its own keys and a folder of the public keys that may come in. The
end that connects has a `Key`: its own keys and the public key of the one it means to talk to. An
end without a key, or with an unknown one, gets nothing. It costs 2 to 3 CPU-ms per MB, which suits
results, notices and documents; a detector speaks no CURVE, so its stream stays plain.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq

from .errors import KeyFileError
from .keyfiles import read_pair, read_public
from .urls import Url

OWN = "own_key"
SERVER = "server_key"
ALLOWED = "allowed_keys"


@dataclass(frozen=True, slots=True)
class Lock:
    """What the end that binds needs."""

    own: Path
    """Its secret key file."""
    allowed: Path
    """Folder of the public keys that may come in."""

    def put_on(self, socket: zmq.Socket[Any]) -> None:
        """Lock `socket` before it binds; KeyFileError if a key can't be used."""
        from .gate import admit  # a thread and an event loop: only for who has a lock

        _check_library()
        pair = read_pair(self.own)
        socket.setsockopt(zmq.ZAP_DOMAIN, admit(self.allowed).encode())
        # without this libzmq lets everybody in when the authenticator is gone
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, pair.secret)


@dataclass(frozen=True, slots=True)
class Key:
    """What the end that connects needs."""

    own: Path
    """Its secret key file."""
    server: Path
    """Public key file of the end that binds: nobody else can pose as it."""

    def put_on(self, socket: zmq.Socket[Any]) -> None:
        """Give `socket` its key before it connects; KeyFileError if a key can't be used."""
        _check_library()
        pair = read_pair(self.own)
        socket.setsockopt(zmq.CURVE_SERVERKEY, read_public(self.server))
        socket.setsockopt(zmq.CURVE_PUBLICKEY, pair.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, pair.secret)


def curve_of(url: Url, *, binds: bool) -> Lock | Key | None:
    """The lock or key that a URL names; None if it names none. ValueError if it is half of one."""
    given = {name for name in (OWN, SERVER, ALLOWED) if url.options.get(name)}
    if not given:
        return None
    if not url.kind.startswith("beamside"):
        raise ValueError(f"{url.kind}+ speaks no CURVE; {OWN} is for beamside+tcp:// and its like")
    other = ALLOWED if binds else SERVER
    if given != {OWN, other}:
        end = "binds" if binds else "connects"
        raise ValueError(f"{url.address}: an end that {end} needs {OWN}=FILE and {other}=PATH")
    own, there = Path(url.options[OWN]), Path(url.options[other])
    return Lock(own, there) if binds else Key(own, there)


def _check_library() -> None:
    if not zmq.has("curve"):
        raise KeyFileError("this ZeroMQ was built without CURVE; install pyzmq from its wheel")
