"""Where things come from and go to, as URLs.

    dectris+tcp://HOST:PORT     SIMPLON stream V1 (DECTRIS detectors, port 9999)
    stream2+tcp://HOST:PORT     SIMPLON stream2, CBOR (port 31001)
    beamside+tcp://HOST:PORT    our own bus, every message (PUSH/PULL)
    beamside+sub+tcp://...      our own bus, live (PUB/SUB): the results of another beamside
    file:PATH                   recorded files, an earlier archive, the spool folder of a run
                                (several: joined by %1F)
    watch:FOLDER                files as a microscope PC writes them

`ipc` may stand for `tcp`. Options follow `?`: `bind=1` (a source binds instead of connecting),
`rate=10` (frames per second, files), `pixel_size=0.02nm` (files), `verify=0` (no md5 check).
beamside+tcp and beamside+sub+tcp can be encrypted, with keys of `beamside keys make`: who connects
gives `own_key=FILE&server_key=FILE`, who binds `own_key=FILE&allowed_keys=FOLDER` (stream/curve).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

WIRES = ("dectris", "stream2", "beamside", "beamside+sub")
TRANSPORTS = ("tcp", "ipc")
SEPARATOR = "\x1f"
"""Between several paths in one `file:` URL: the one character that no path has."""
OPTIONS = (
    "bind", "rate", "pixel_size", "verify", "settle", "recursive", "encoding",
    "own_key", "server_key", "allowed_keys",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Url:
    """A URL taken apart."""

    kind: str
    """One of WIRES, or file, watch, sim."""
    address: str
    """A ZeroMQ endpoint, or a path."""
    options: Mapping[str, str]

    def flag(self, name: str, default: bool = False) -> bool:
        """An option that is on or off."""
        return self.options.get(name, "1" if default else "0").lower() in ("1", "true", "yes", "on")


def parse_url(text: str) -> Url:
    """Take `text` apart; ValueError says what is wrong and what is allowed."""
    scheme, colon, rest = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} is no URL; allowed are e.g. {_examples()}")
    path, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if scheme in ("file", "watch", "sim"):
        if not path and scheme != "sim":
            raise ValueError(f"{text!r} names no path; write {scheme}:PATH")
        if scheme != "sim":
            _check_options(text, options)
        return Url(scheme, unquote(path.removeprefix("//")), options)
    wire, _, transport = scheme.rpartition("+")
    if wire not in WIRES or transport not in TRANSPORTS:
        raise ValueError(f"unknown scheme {scheme!r} in {text!r}; allowed are e.g. {_examples()}")
    _check_options(text, options)
    return Url(wire, f"{transport}:{_checked(text, transport, path)}", options)


def _checked(text: str, transport: str, path: str) -> str:
    if transport == "ipc":
        if len(path) <= 2:
            raise ValueError(f"{text!r} names no socket file")
        return path
    split = urlsplit(f"tcp:{path}")
    try:
        port = split.port
    except ValueError:
        port = None
    wild = path.endswith(":*")
    if (port is None and not wild) or not (split.hostname or path.startswith("//*")):
        raise ValueError(f"{text!r} needs HOST:PORT with a port of 1 to 65535")
    return path


def _check_options(text: str, options: Mapping[str, str]) -> None:
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ValueError(
            f"unknown option {unknown[0]!r} in {text!r}; allowed: {', '.join(OPTIONS)}"
        )


def _examples() -> str:
    return (
        "dectris+tcp://HOST:9999, stream2+tcp://HOST:31001, beamside+tcp://HOST:PORT, "
        "file:PATH, watch:FOLDER, sim:"
    )
