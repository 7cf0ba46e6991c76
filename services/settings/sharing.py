"""What others may reach, hear and tell us, and how it is locked."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator

from .section import Port, Positive, Section


class ViewerSettings(Section):
    """The live page."""

    enabled: bool = Field(True, description="whether to serve the page")
    host: str = Field(
        "127.0.0.1", description="address to listen on; elsewhere needs `security.unencrypted`"
    )
    port: Port = Field(0, description="0: any free port, printed at the start")
    token: str | None = Field(
        None, min_length=8, description="to open the page; none: a new one at each start"
    )
    memory_mb: Positive = Field(
        1024, description="for the frames and results that can be scrubbed through, in MB"
    )
    guest_token: str | None = Field(
        None, min_length=8, description="a second token, which may look and change nothing"
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="further host names the page may be reached by (a reverse proxy's)"
    )

    @field_validator("allowed_hosts")
    @classmethod
    def _are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not re.match(r"^([A-Za-z0-9][A-Za-z0-9.-]*|\[?[0-9a-fA-F:.]+\]?)$", host):
                raise ValueError(f"{host!r} is no host name; name each, without port or scheme")
        return hosts


class BusSettings(Section):
    """Where others may listen to results."""

    results: str | None = Field(
        None, description="publish results and notices here, e.g. 'tcp://127.0.0.1:5560'"
    )

    @field_validator("results")
    @classmethod
    def _is_endpoint(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"^(tcp://[^/\s]+:(\d+|\*)|ipc://.+)$", url):
            raise ValueError("allowed: tcp://HOST:PORT, e.g. tcp://127.0.0.1:5560, or ipc://PATH")
        return url


class DocumentSettings(Section):
    """Documents of bluesky that are joined to the frames: motor positions, energies, times."""

    address: str | None = Field(
        None, description="outgoing address of a proxy of bluesky, e.g. 'tcp://proxy:5578'"
    )
    prefix: str | None = Field(None, description="only of publishers with this prefix")
    frame: str | None = Field(
        None, description="column of events with the frame's number; else any that ends in `_frame`"
    )
    run: str | None = Field(
        None, description="column with the detector's run; else the one beside, ending in `_run`"
    )
    own_key: Path | None = Field(None, description="our secret key file, where the proxy is locked")
    server_key: Path | None = Field(None, description="public key file of the proxy")

    @field_validator("address")
    @classmethod
    def _is_endpoint(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"^(tcp://[^/\s]+:\d+|ipc://.+)$", url):
            raise ValueError("allowed: tcp://HOST:PORT, e.g. tcp://127.0.0.1:5578, or ipc://PATH")
        return url


class SecuritySettings(Section):
    """What may leave this machine, and how it is locked."""

    keys: Path | None = Field(
        None,
        description="folder of `beamside keys make`: `bus.results` on tcp is encrypted, and only "
        "who has an allowed key may listen",
    )
    unencrypted: bool = Field(
        False, description="results and the page may leave this machine in the clear"
    )
