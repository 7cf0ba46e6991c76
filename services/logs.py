"""Logs: one JSON object a line, with run and frame where they are known."""

from __future__ import annotations

import logging
from pathlib import Path

import structlog

PROCESSORS: tuple[structlog.types.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
    structlog.processors.format_exc_info,
)


def configure(level: str = "info", file: Path | None = None, process: str = "") -> None:
    """Send this process's log to `file` (stderr without one)."""
    structlog.configure(
        processors=[*PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if file:
        file.touch(mode=0o600)  # what is in it concerns nobody else on this machine
    handler = logging.FileHandler(file) if file else logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(), foreign_pre_chain=list(PROCESSORS)
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.contextvars.bind_contextvars(process=process)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The log of one file of the house."""
    log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(f"beamside.{name}")
    return log
