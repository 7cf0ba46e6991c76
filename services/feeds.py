"""The source of a service: what stream can open, and the simulator behind `sim:`."""

from __future__ import annotations

from ..stream.sources import Source, open_source
from ..stream.urls import parse_url
from .settings import Settings


def open_feed(settings: Settings) -> Source:
    """Open the source that the settings name; ValueError or FileError say what is wrong."""
    source = settings.source
    url = parse_url(source.url)
    if url.kind == "sim":
        from .simulator import SimulatedSource

        return SimulatedSource.from_url(url, source.name)
    return open_source(source.url, source.name, max_message_bytes=int(source.max_message_mb * 1e6))
