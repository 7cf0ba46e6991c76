"""What a technique adds to the engine: its analysis, tables, pictures and report.

One file a technique, named in `TECHNIQUES`; `beamside batch NAME` is all that it needs to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from ...stream.files import PixelSize
from ...stream.messages import Result
from .items import Gathered, Item

TECHNIQUES: Mapping[str, str] = {"hrtem": ".hrtem", "particles": ".particles"}
"""The file of each technique; it has a function `technique(settings)`."""

Row: TypeAlias = Mapping[str, Any]
Settings: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    given: tuple[Path, ...]
    out: Path
    workers: int
    pixel_size: PixelSize | None = None
    apply: bool = False
    """Accept what the frames say of the session (a calibration), and analyse again with it."""
    pictures: int = 12
    """Frames of which pictures are drawn, at most."""


class StoppedError(Exception):
    """Somebody wants the batch to end; what is finished is kept."""


@dataclass(frozen=True, slots=True)
class Done:
    """A frame with its result, read when it is asked for: never more than one in memory."""

    number: int
    """Of the frame in this batch, from 0: its number in the NeXus file and in the tables."""
    item: Item
    key: str
    """Stands for all that made the result."""
    result: Result


Once: TypeAlias = Callable[[str, Callable[[], Result]], Result]
"""Gives what was kept under a key, or makes it and keeps it: for what takes long."""


@dataclass(slots=True)
class Batch:
    """All that a report tells of."""

    out: Path
    title: str
    """What was given, for people."""
    gathered: Gathered
    settings: Settings
    """Of the analysis, every one."""
    made_by: Mapping[str, Any]
    """Versions and hashes."""
    failed: dict[int, str] = field(default_factory=dict)
    """Frames that could not be analysed, by number, and why."""
    words: list[str] = field(default_factory=list)
    """What a reader must know about the session as a whole."""
    pictures: dict[int, list[str]] = field(default_factory=dict)
    """Files of the pictures of a frame, relative to `out`."""
    files: list[Path] = field(default_factory=list)
    """What the technique wrote by itself, beside tables and report."""
    stop: Callable[[], bool] = lambda: False
    """Whether to end: what takes long asks, and raises StoppedError."""


class Technique(Protocol):
    """One kind of batch."""

    name: str
    """Also that of the analysis."""
    settings: Settings
    """Of the analysis, every one with its value."""

    def fingerprint(self) -> Mapping[str, Any]:
        """Give what else the results depend on: hashes of databases and weights."""
        ...

    def arranged(self, gathered: Gathered, wish: Wish) -> Gathered:
        """Say what is analysed of the frames that were found: all of them, or cuts through them.

        What is left out is among the `refused`. Settings may be changed by what is seen.
        """
        ...

    def again(
        self, frames: Iterator[Done], batch: Batch, once: Once, *, apply: bool
    ) -> tuple[Mapping[int, Settings], list[Result]]:
        """Look at all results of the first pass.

        Give settings for frames (by number) that are to be analysed once more, and what was found
        of the session as a whole. `apply` says that a person accepts what was found. StoppedError
        if `batch.stop` said so.
        """
        ...

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Name the columns of each CSV table, in their order; called after `again`."""
        ...

    def tables(self, done: Done) -> Mapping[str, Sequence[Row]]:
        """Give the rows of a frame for each table.

        Called once for every frame, in order; what the report needs of it is kept, and is small.
        """
        ...

    def worth_drawing(self, most: int) -> list[int]:
        """Choose the frames that pictures are made of, by number, from what `tables` saw."""
        ...

    def draw(self, image: np.ndarray, result: Result, stem: Path) -> list[Path]:
        """Draw the pictures of a frame to files that begin with `stem`; runs in a worker."""
        ...

    def report(self, batch: Batch) -> Path:
        """Write the report; give its first page."""
        ...


def load(name: str, settings: Settings) -> Technique:
    """Make the technique called `name`; LookupError or ValueError say what is wrong."""
    if name not in TECHNIQUES:
        raise LookupError(f"no technique {name!r}; there are: {', '.join(TECHNIQUES)}")
    made: Technique = import_module(TECHNIQUES[name], __package__).technique(settings)
    return made
