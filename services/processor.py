"""A processor: frames -> batch -> analysis -> result, one process of perhaps many."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from .. import __version__
from ..analysis import operators
from ..analysis.operators import AnalysisError, Operator
from ..stream import wire
from ..stream.decompress import decode
from ..stream.errors import FileError, WireError
from ..stream.facts import Facts, facts, tabled
from ..stream.messages import Buffer, Frame, Pixels, Result, RunStart, RunStop
from .acceptance import in_force
from .library import gifts
from .logs import logger
from .outcome import InvalidResultError, validated, with_facts
from .pixels import calibration_of, corrected
from .reader import Accepted, Chosen, DeskReader, Handed, Told, Unreadable
from .service import Life, Plan
from .settings import AnalysisSettings

log = logger("processor")
MOST_TOLD = 20_000
"""Frames of which it is kept what bluesky said."""


def run(plan: Plan, life: Life, name: str) -> int:
    """Analyse what the desk hands out, until it says bye."""
    settings = plan.parsed().analysis
    operator = operators.load(settings.name, settings.settings, gifts(settings.phases))
    warm(operator)
    desk = DeskReader(plan.desk, "analysis", name, 2 * settings.batch_size)
    processor = Processor(settings, operator, desk)
    # a signal alone does not end it: ingest lets it finish first, then says bye
    while not desk.leaves(life):
        processor.step()
    desk.close()
    return 0


def warm(operator: Operator) -> None:
    """Have done what is slow the first time; a plug-in that fails there may still analyse."""
    try:
        operators.prepare(operator)
    except Exception:
        log.warning("the analysis could not be prepared", exc_info=True)


@dataclass(slots=True)
class Batch:
    """Frames of one run that are analysed together."""

    run: str
    opened: float
    frames: list[Frame] = field(default_factory=list)


class Processor:
    """Collects batches by size and age, and answers each with a result."""

    def __init__(
        self,
        settings: AnalysisSettings,
        operator: Operator,
        desk: DeskReader,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self.settings = settings
        self.operator = operator
        self.desk = desk
        self.starts: dict[str, RunStart] = {}
        self.accepted: dict[str, Any] = {}
        """What people accepted: it holds from the next batch on."""
        self.told: OrderedDict[tuple[str, int], Facts] = OrderedDict()
        """What bluesky said of frames."""
        self.batch: Batch | None = None

    def step(self) -> None:
        """Take one message, or close a batch that is old enough."""
        for message in self.desk.take(self._patience_ms()):
            self._take(message)
        if self.batch is not None and self._due(self.batch):
            self._answer(self.batch)

    def _take(self, message: Handed) -> None:
        match message:
            case Frame():
                self._collect(message)
            case RunStart():
                self.starts[message.run] = message
            case RunStop():
                self.starts.pop(message.run, None)
            case Accepted():
                self.accepted = message.said
            case Told():
                self._learn(message)
            case Chosen():
                self._choose(message.said)
            case Unreadable():
                self._give_up(message)
        if self.batch is not None and len(self.batch.frames) >= self.settings.batch_size:
            self._answer(self.batch)

    def _learn(self, told: Told) -> None:
        """Keep what bluesky says of frames, for the results to come."""
        for number, said in told.rows:
            self.told[told.run, number] = {n: (value, unit) for n, (value, unit) in said.items()}
        while len(self.told) > MOST_TOLD:
            self.told.popitem(last=False)

    def _facts(self, frame: Frame) -> Facts:
        return facts(frame.metadata) | self.told.get((frame.run, frame.number), {})

    def _choose(self, said: Mapping[str, Any]) -> None:
        """Go on with other settings from the next batch on; what is under way keeps its own."""
        if self.batch is not None:
            self._answer(self.batch)
        settings = self.settings.model_copy(update={"settings": dict(said["settings"])})
        try:
            self.operator = operators.load(settings.name, settings.settings, gifts(settings.phases))
        except (LookupError, TypeError, ValueError, FileError) as error:
            log.error("the settings that were chosen can't be used", error=str(error))
            return
        self.settings = settings

    def _give_up(self, lost: Unreadable) -> None:
        """Answer for a frame that is not there any more."""
        start = self.starts.get(lost.run)
        failed = Result(
            source=start.source if start else "",
            run=lost.run,
            frames=(lost.number,),
            analysis=self.settings.name,
            data=xr.Dataset(),
            provenance={"failure": "unreadable"},
            error=lost.words,
            done_ns=time.time_ns(),
        )
        self.desk.answer(wire.encode(failed))
        self.desk.credit(1)

    def _patience_ms(self) -> int:
        if self.batch is None:
            return 200
        age = (self.clock() - self.batch.opened) * 1e3
        return max(0, min(200, round(self.settings.batch_age_ms - age)))

    def _due(self, batch: Batch) -> bool:
        old = (self.clock() - batch.opened) * 1e3 >= self.settings.batch_age_ms
        return old or len(batch.frames) >= self.settings.batch_size

    def _collect(self, frame: Frame) -> None:
        batch = self.batch
        if batch is not None and (
            batch.run != frame.run or self._layout(batch.frames[0]) != self._layout(frame)
        ):
            self._answer(batch)
        if self.batch is None:
            self.batch = Batch(frame.run, self.clock())
        self.batch.frames.append(frame)

    def _layout(self, frame: Frame) -> tuple[object, ...]:
        pixels = self._pixels(frame)
        return pixels.shape, pixels.dtype

    def _pixels(self, frame: Frame) -> Pixels:
        wanted = self.settings.channel
        if wanted is not None and wanted in frame.channels:
            return frame.channels[wanted]
        return next(iter(frame.channels.values()))

    def _answer(self, batch: Batch) -> None:
        self.batch = None
        images, good = self._decode(batch)
        if good:
            self.desk.answer(self._answered(batch.run, good, images[: len(good)]))
        self.desk.credit(len(batch.frames))

    def _decode(self, batch: Batch) -> tuple[np.ndarray, list[Frame]]:
        first = self._pixels(batch.frames[0])
        # never used again: a result may be a view of it, and is still being sent when the next
        # batch comes; with the allocator of a service process this costs next to nothing
        images = np.empty((len(batch.frames), *first.shape), first.dtype)
        good: list[Frame] = []
        for frame in batch.frames:
            try:
                # every source has checked what it gives
                decode(self._pixels(frame), images[len(good)], checked=True)
                good.append(frame)
            except WireError as error:
                log.warning("can't decode", run=frame.run, frame=frame.number, error=str(error))
                failed = self._failed(frame.run, [frame], error.reason, str(error))
                self.desk.answer(wire.encode(failed))
        return images, good

    def _answered(self, run: str, frames: list[Frame], images: np.ndarray) -> Sequence[Buffer]:
        """The encoded result of a batch; whatever a plug-in does costs its own result only."""
        try:
            return wire.encode(self._analyse(run, frames, images))
        except AnalysisError as error:
            failed = self._failed(run, frames, "not_analysable", str(error))
        except InvalidResultError as error:
            failed = self._failed(run, frames, "not_valid", str(error))
        except (Exception, SystemExit) as error:
            log.warning("the analysis failed", run=run, exc_info=True)
            failed = self._failed(run, frames, "failed", f"{type(error).__name__}: {error}")
        return wire.encode(failed)

    def _analyse(self, run: str, frames: list[Frame], images: np.ndarray) -> Result:
        known = self._calibration(run)
        calibration = corrected(calibration_of(known), known.get("accepted"))
        began = time.perf_counter()
        data = validated(self.operator(images, calibration), len(frames))
        data = with_facts(data, tabled([self._facts(frame) for frame in frames]))
        seconds = time.perf_counter() - began
        return replace(self._result(run, frames, data, {}, None), seconds=seconds)

    def _calibration(self, run: str) -> dict[str, Any]:
        """What is known of the pixels of a run, with what a person accepted for them."""
        start = self.starts.get(run)
        known = dict(start.calibration) if start else {}
        known.pop("accepted", None)  # that is no word of a detector's
        event = in_force(self.accepted.get("events", ()), known.get("pixel_size_nm"))
        if event is not None:
            known["accepted"] = {**event, "file": self.accepted.get("file")}
        return known

    def _failed(self, run: str, frames: list[Frame], reason: str, words: str) -> Result:
        return self._result(run, frames, xr.Dataset(), {"failure": reason}, words)

    def _result(
        self,
        run: str,
        frames: list[Frame],
        data: xr.Dataset,
        extra: Mapping[str, Any],
        error: str | None,
    ) -> Result:
        stamps = [f.detector_ns for f in frames if f.detector_ns is not None]
        return Result(
            source=frames[0].source,
            run=run,
            frames=tuple(frame.number for frame in frames),
            analysis=self.settings.name,
            data=data,
            provenance={
                "program": "beamside",
                "version": __version__,
                "settings": dict(self.settings.settings),
                "calibration": self._calibration(frames[0].run),
                "device": "cpu",
                **extra,
            },
            error=error,
            detector_ns=min(stamps) if stamps else None,
            received_ns=min(frame.received_ns for frame in frames),
            done_ns=time.time_ns(),
        )
