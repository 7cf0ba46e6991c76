"""The gatherer: folds the results of each run into what grows over it, one process of perhaps many.

It follows the log of each run's spool, where every result lies once, in an order that stays. So it
holds up nobody, a killed one costs nothing (its successor goes on from what was saved, or from the
beginning of the log), and several share the results by their place in the log: each saves its
share, and the first joins all, publishes what has grown, and says when it is final.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from .. import __version__
from ..analysis import operators
from ..analysis.operators import AnalysisError, Operator
from ..stream import wire
from ..stream.errors import FileError, StreamError
from ..stream.messages import Result, RunStart, RunStop
from ..stream.spool import Mark
from .desk import GATHER
from .gathered import Fold, Share
from .library import gifts
from .logs import logger
from .outcome import InvalidResultError, grown_result
from .reader import Chosen, DeskReader, Tail
from .service import NOTHING_TO_DO, Life, Plan
from .settings import Settings

log = logger("gatherer")
IDLE_MS = 100
START_S = 60.0
"""Ingest may need so long to start; until it has heard that nothing grows it waits for us."""
SOON_S = 2.0
"""What has grown is published so often at most ..."""
SHARE = 0.05
"""... and takes at most so much of the time, as does saving it."""
LOOK_S = 0.1
"""So often it is looked whether the other gatherers are through."""


def run(plan: Plan, life: Life, name: str) -> int:
    """Gather until the desk says bye; at once at the end where nothing grows over a run."""
    settings = plan.parsed()
    analysis = settings.analysis
    operator = operators.load(analysis.name, analysis.settings, gifts(analysis.phases))
    grows = hasattr(operator, "over_run")
    desk = DeskReader(plan.desk, GATHER, name, 0, grows=grows)
    if not grows:
        desk.close(START_S)
        return NOTHING_TO_DO
    which = int(name.rpartition("-")[2])
    gatherer = Gatherer(settings, operator, desk, (which, analysis.gatherers))
    while not desk.leaves(life):
        gatherer.step()
    gatherer.close()
    desk.close()
    return 0


@dataclass(slots=True)
class Pace:
    """How often something may be done: not too often, and never more than a share of the time."""

    least_s: float
    _next: float = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._next

    @contextlib.contextmanager
    def step(self) -> Any:
        """Do it within; how long it takes says when it may be done again."""
        began = time.monotonic()
        try:
            yield
        finally:
            now = time.monotonic()
            self._next = now + max(self.least_s, (now - began) / SHARE)


class Gathered:
    """A run in hand: its share, and when what of it was told."""

    def __init__(self, share: Share) -> None:
        self.share = share
        self.publishing = Pace(SOON_S)
        self.saving = Pace(SOON_S)
        self.looking = Pace(LOOK_S)
        self.published = share.at
        self.told: Mark | None = None
        """The last mark for which the end was told."""
        self.broken = ""
        """Why nothing can be gathered, in words."""


class Gatherer:
    """The runs that are open."""

    def __init__(
        self, settings: Settings, operator: Operator, desk: DeskReader, place: tuple[int, int]
    ) -> None:
        """`place` is (which, of how many) gatherers."""
        self.settings = settings.analysis
        self.operator = operator
        self.desk = desk
        self.runs: dict[str, Gathered] = {}
        self._place = place
        self._limit_s = settings.analysis.gather_timeout_s

    def step(self) -> None:
        """Hear how far the logs go; fold a turn of each; tell what has grown."""
        busy = any(one.share.behind and not one.broken for one in self.runs.values())
        for message in self.desk.take(0 if busy else IDLE_MS):
            if isinstance(message, Tail):
                self._hear(message.said)
            elif isinstance(message, RunStop):
                self._drop(message.run)
            elif isinstance(message, Chosen):
                self._choose(message.said)
        for one in list(self.runs.values()):
            self._turn(one)

    def _choose(self, said: Mapping[str, Any]) -> None:
        """Begin the runs to come with what was chosen; those that are open have it in their log."""
        name, phases = self.settings.name, self.settings.phases
        try:
            self.operator = operators.load(name, dict(said["settings"]), gifts(phases))
        except (LookupError, TypeError, ValueError, FileError) as error:
            log.error("the settings that were chosen can't be used", error=str(error))

    def _hear(self, said: Mapping[str, Any]) -> None:
        spool = Path(said["spool"])
        one = self.runs.get(said["run"])
        if one is None or one.share.spool != spool:
            self._drop(said["run"])
            try:
                share = Share(
                    said["run"], spool, self.operator, place=self._place, limit_s=self._limit_s
                )
            except OSError as error:  # the run is gone already
                log.info("no spool", run=said["run"], error=str(error))
                return
            one = self.runs[said["run"]] = Gathered(share)
        share = one.share
        share.end = max(share.end, Mark(*said["log"]))
        if "over" in said:
            share.over = Mark(*said["over"])
            one.told = None  # also if it was: who asks again did not hear it

    def _drop(self, run: str) -> None:
        one = self.runs.pop(run, None)
        if one is not None:
            one.share.close()

    def _turn(self, one: Gathered) -> None:
        share = one.share
        try:
            if share.behind and not one.broken:
                share.turn()
        except (StreamError, OSError) as error:
            one.broken = f"its log can't be read: {error}"
        except Exception as error:  # what over_run says is an author's, as all else
            log.warning("nothing is gathered", run=share.run, exc_info=True)
            one.broken = f"over_run failed: {type(error).__name__}: {error}"
        if one.broken:
            self._end(one, {})
            return
        self._save(one)
        if self._place[0] == 0:
            self._publish(one)

    def _save(self, one: Gathered) -> None:
        """Save now and then, and once at the end: the first gatherer waits for it."""
        share = one.share
        if share.unsaved and share.folds and (one.saving.due or share.through):
            try:
                with one.saving.step():
                    share.save()
            except Exception as error:
                log.warning("not saved", run=share.run, error=repr(error))

    def _publish(self, one: Gathered) -> None:
        share = one.share
        if share.through:
            if one.told is None and one.looking.due:
                with one.looking.step():
                    if share.others_through():
                        self._end(one, share.folds)
        elif share.at > one.published and one.publishing.due:
            one.published = share.at
            with one.publishing.step():
                for key in share.folds:
                    self._answer(one, key, final=False)

    def _end(self, one: Gathered, keys: Mapping[str, Any]) -> None:
        """Say what the run has become, and that it is all."""
        share = one.share
        if share.over is None or one.told is not None:
            return
        for key in keys:
            self._answer(one, key, final=True)
        one.told = share.over
        at = [share.over.segment, share.over.offset]
        said = {"run": share.run, "at": at, "broken": one.broken}
        self.desk.say("gathered", said)

    def _answer(self, one: Gathered, key: str, *, final: bool) -> None:
        start = one.share.start
        if start is None:
            return
        began = time.perf_counter()
        fold, data, error, failure = self._grown(one.share, key)
        if not fold.frames and not fold.absent:
            return
        provenance = self._provenance(one.share, key, fold, start, final=final)
        answer = Result(
            source=start.source,
            run=one.share.run,
            frames=tuple(fold.frames or fold.absent),
            analysis=f"{self.settings.name}.{key}",
            data=data,
            provenance=provenance | failure,
            error=error,
            done_ns=time.time_ns(),
            seconds=time.perf_counter() - began,
        )
        self.desk.answer(wire.encode(answer))

    def _grown(self, share: Share, key: str) -> tuple[Fold, xr.Dataset, str | None, dict[str, str]]:
        """What has grown, or why nothing can be said: in words, and in a word for the counters."""
        frames = share.joined_frames(key)
        if not frames.frames:
            reason = next(iter(frames.left_out), "")
            return frames, xr.Dataset(), frames.words.get(reason, ""), {"failure": reason}
        reason = "crashed"
        words = share.hopeless(key, "finish")
        try:
            if not words:
                fold, data = share.grown(key)
                return fold, grown_result(data, tuple(fold.frames)), None, {}
        except AnalysisError as error:
            reason, words = "not_analysable", str(error)
        except InvalidResultError as error:
            reason, words = "not_valid", str(error)
        except (Exception, SystemExit) as error:
            log.warning("what has grown can't be said", run=share.run, exc_info=True)
            reason, words = "failed", f"{type(error).__name__}: {error}"
        return frames, xr.Dataset(), words, {"failure": reason}

    def _provenance(
        self, share: Share, key: str, fold: Fold, start: RunStart, *, final: bool
    ) -> dict[str, Any]:
        return {
            "level": "run",
            "final": final,
            "program": "beamside",
            "version": __version__,
            "settings": _settings(share.operators[key]),
            "calibration": dict(start.calibration),
            "device": "cpu",
            "left_out": dict(fold.left_out),
            "left_out_words": fold.words,
        }

    def close(self) -> None:
        """Let go of the logs; what is saved stays for the next start."""
        for one in self.runs.values():
            one.share.let_go()


def _settings(operator: object) -> dict[str, Any]:
    """The fields of a dataclass that it shows; what a service gave it is none of its settings."""
    if not is_dataclass(operator):
        return {}
    return {field.name: getattr(operator, field.name) for field in fields(operator) if field.repr}
