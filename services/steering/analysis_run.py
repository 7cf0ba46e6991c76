"""Results as a bluesky run of their own, for whatever reads bluesky's documents.

BestEffortCallback, Tiled's writer, databroker and plots of a beamline need nothing of ours: numbers
are events, images and arrays are `stream_resource`s in the archive, `raw_uid` names the run that
was analysed.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import xarray as xr
from event_model import compose_run

from ...stream.messages import Result, RunStart, RunStop
from .feed import Feed
from .fields import of_frame

log = logging.getLogger("beamside.steering")
Callback: TypeAlias = Callable[[str, Any], Any]
HDF5 = "application/x-hdf5"
MOST_OPEN = 16
"""Runs whose end is waited for."""
MOST_CLOSED = 256
"""Runs of which a result that comes after their end is known to be late."""
ARCHIVE_S = 60.0
"""How long after its end a run waits to hear where its archive is."""


@dataclass
class _Stream:
    """The events of one analysis."""

    compose_event: Any
    numbers: list[str]
    arrays: dict[str, dict[str, Any]]
    """Data keys of what is in the archive only, by variable."""
    seen: set[int] = field(default_factory=set)
    good: int = 0
    """Frames with a result that is one: the archive has rows for no others."""


@dataclass
class _Run:
    bundle: Any
    start: RunStart | None
    streams: dict[str, _Stream] = field(default_factory=dict)
    ended: RunStop | None = None
    since: float = 0.0


class AnalysisRun:
    """Emits a bluesky run for each run of the service: `callback(name, document)` from a thread.

        AnalysisRun(feed, Publisher("tcp://proxy:5577", prefix=b"beamside"))

    The first analysis is the stream `primary`, others are called by their names. Each frame is one
    event, with its number, and the numbers that its result has for it; a result that failed has
    NaN. `raw_uid` gives the uid of the bluesky run that took the frames; without it, the detector's
    run name stands there. A run ends when its archive is closed, so that it can be pointed at; a
    result that comes after that is left out, and told of in the log.
    """

    def __init__(
        self,
        feed: Feed,
        *callbacks: Callback,
        raw_uid: Callable[[str], str] = str,
        metadata: Mapping[str, Any] | None = None,
        archive_s: float = ARCHIVE_S,
    ) -> None:
        self.feed, self.callbacks, self.raw_uid = feed, callbacks, raw_uid
        self.metadata, self.archive_s = dict(metadata or {}), archive_s
        self._runs: dict[str, _Run] = {}
        self._closed: OrderedDict[str, int] = OrderedDict()
        """Runs that were ended, and how many results came after that."""
        self._begun = 0
        self._lock = threading.RLock()
        feed.subscribe(self.take)

    def close(self) -> None:
        """Listen no more; what is open ends without its archive."""
        self.feed.unsubscribe(self.take)
        with self._lock:
            for name in list(self._runs):
                self._finish(name, None)

    def take(self, message: Any) -> None:
        """Take in what came from the service."""
        with self._lock:
            self._take(message)

    def _take(self, message: Any) -> None:
        if isinstance(message, RunStart):
            self._closed.pop(message.run, None)
            self._begin(message.source, message.run, message)
        elif isinstance(message, Result) and message.provenance.get("level") != "run":
            self._result(message)
        elif isinstance(message, RunStop) and message.run in self._runs:
            run = self._runs[message.run]
            run.ended, run.since = message, time.monotonic()
        elif isinstance(message, Mapping):
            self._notice(message)

    def _emit(self, name: str, document: Any) -> None:
        for callback in self.callbacks:
            try:
                callback(name, dict(document))
            except Exception:  # of somebody else's callback: the others go on
                log.exception("a callback failed: %r", callback)

    def _begin(self, source: str, name: str, start: RunStart | None) -> _Run:
        if name in self._runs:
            return self._runs[name]
        while len(self._runs) >= MOST_OPEN:
            self._finish(next(iter(self._runs)), None)
        said: dict[str, Any] = {"source": source, "run": name, "analysis": True}
        said["calibration"] = dict(start.calibration) if start is not None else {}
        self._begun += 1  # what stands in a plan's start document too: bluesky's tables show it
        plan = {"plan_type": "analysis", "plan_name": "beamside", "scan_id": self._begun}
        raw = {"raw_uid": self.raw_uid(name), **plan}
        bundle = compose_run(metadata={"beamside": said, **raw, **self.metadata})
        run = self._runs[name] = _Run(bundle, start)
        self._emit("start", bundle.start_doc)
        return run

    def _result(self, result: Result) -> None:
        if result.run in self._closed:  # its documents are out: a second run would not be true
            if not self._closed[result.run]:
                log.warning("a result of run %s came after its end: left out", result.run)
            self._closed[result.run] += 1
            return
        run = self._begin(result.source, result.run, None)
        stream = run.streams.get(result.analysis)
        if stream is None:
            if result.error is not None:
                return  # nobody knows yet what it would have said
            stream = run.streams[result.analysis] = self._stream(run, result)
        for number in result.frames:
            if number in stream.seen:
                continue
            stream.seen.add(number)
            stream.good += result.error is None
            data = _row(result, number, stream.numbers)
            stamp = (result.done_ns or time.time_ns()) / 1e9
            event = stream.compose_event(
                data=data, timestamps=dict.fromkeys(data, stamp), time=stamp
            )
            self._emit("event", event)

    def _stream(self, run: _Run, result: Result) -> _Stream:
        first = of_frame(result, result.frames[0])
        numbers = [str(n) for n, v in first.variables.items() if not v.dims and _is_number(v)]
        source = f"beamside:{result.analysis}"
        keys: dict[str, Any] = {"frame": {"source": source, "dtype": "integer", "shape": []}}
        for name in numbers:
            units = str(first[name].attrs.get("units", ""))
            keys[name] = {"source": source, "dtype": "number", "shape": [], "units": units}
        stream = "primary" if not run.streams else result.analysis
        hints = {result.analysis: {"fields": numbers[:3]}}
        bundle = run.bundle.compose_descriptor(
            name=stream, data_keys=keys, hints=hints, object_keys={result.analysis: list(keys)}
        )
        self._emit("descriptor", bundle.descriptor_doc)
        return _Stream(bundle.compose_event, numbers, _arrays(result, source))

    # the end

    def _notice(self, status: Mapping[str, Any]) -> None:
        closed = {str(one.get("run")): one for one in status.get("closed") or ()}
        enabled = bool(status.get("archive"))
        for name, run in list(self._runs.items()):
            late = run.ended is not None and (
                not enabled or time.monotonic() - run.since > self.archive_s
            )
            if run.ended is not None and name in closed and closed[name].get("archive"):
                self._finish(name, closed[name])
            elif late:
                self._finish(name, None)

    def _finish(self, name: str, closed: Mapping[str, Any] | None) -> None:
        run = self._runs[name]
        if closed is not None:
            path, account = Path(str(closed["archive"])), closed.get("account") or {}
            for analysis, stream in run.streams.items():
                if stream.arrays:
                    # a listener may have missed some: the service knows how many there are
                    rows = int(account.get("processed") or stream.good)
                    self._resources(run, analysis, stream.arrays, path, rows)
            if run.start is not None and run.start.shape and run.start.dtype:
                frames = int(account.get("archived") or 0)
                self._resources(run, "images", _images(run.start), path, frames)
        status = run.ended.status if run.ended is not None else "unfinished"
        well = {"complete": "success", "aborted": "abort"}.get(status, "fail")
        reason = run.ended.reason if run.ended is not None else "the steerer stopped listening"
        self._emit("stop", run.bundle.compose_stop(exit_status=well, reason=reason))
        del self._runs[name]
        self._closed[name] = 0
        while len(self._closed) > MOST_CLOSED:
            self._closed.popitem(last=False)

    def _resources(
        self, run: _Run, name: str, keys: Mapping[str, Mapping[str, Any]], path: Path, count: int
    ) -> None:
        if not count:
            return
        shown = {
            key: {k: v for k, v in said.items() if k != "dataset"} for key, said in keys.items()
        }
        bundle = run.bundle.compose_descriptor(name=f"{name}_archive", data_keys=shown)
        self._emit("descriptor", bundle.descriptor_doc)
        for key, said in keys.items():
            resource = run.bundle.compose_stream_resource(
                mimetype=HDF5,
                uri=f"file://localhost{path.absolute().as_posix()}",
                data_key=key,
                parameters={
                    "dataset": said["dataset"],
                    "chunk_shape": [1, *said["shape"][1:]],
                },
            )
            self._emit("stream_resource", resource.stream_resource_doc)
            datum = resource.compose_stream_datum(
                indices={"start": 0, "stop": count},
                seq_nums={"start": 1, "stop": count + 1},
                descriptor=bundle.descriptor_doc,
            )
            self._emit("stream_datum", datum)


def _row(result: Result, number: int, names: list[str]) -> dict[str, Any]:
    """The numbers of one frame; NaN where there is none."""
    data = of_frame(result, number) if result.error is None else xr.Dataset()
    row: dict[str, Any] = {"frame": number}
    for name in names:
        variable = data.variables.get(name)
        good = variable is not None and variable.size == 1 and _is_number(variable)
        row[name] = float(data[name].item()) if good else math.nan
    return row


def _is_number(variable: Any) -> bool:
    return variable.dtype.kind in "biuf"


def _arrays(result: Result, source: str) -> dict[str, dict[str, Any]]:
    """Data keys of variables along `frame` and more: they stay in the archive."""
    found = {}
    for name, variable in result.data.data_vars.items():
        if len(variable.dims) < 2 or variable.dims[0] != "frame" or not _is_number(variable):
            continue
        found[f"{result.analysis}_{name}"] = {
            **{"source": source, "dtype": "array", "dtype_numpy": variable.dtype.str},
            **{"shape": [1, *variable.shape[1:]], "external": "STREAM:"},
            **{"dims": [str(dim) for dim in variable.dims]},
            **{"units": str(variable.attrs.get("units", ""))},
            "dataset": f"/entry/{result.analysis}/{name}/{name}",
        }
    return found


def _images(start: RunStart) -> dict[str, dict[str, Any]]:
    return {
        start.source: {
            **{"source": f"beamside:{start.source}", "dtype": "array", "dtype_numpy": start.dtype},
            **{"shape": [1, *(start.shape or ())], "external": "STREAM:"},
            **{"dims": ["frame", "y", "x"], "dataset": "/entry/data/data"},
        }
    }
