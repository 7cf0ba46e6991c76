"""The Prometheus figures of a service, fed from its status notices and results.

Counts in a status notice are per run and start again at 0; the exported counters go on, so only
what a run's count has grown by is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from .. import __version__
from ..stream.messages import Result

CONTENT_TYPE = CONTENT_TYPE_LATEST
STATES = ("starting", "idle", "armed", "running", "draining", "closed")
OTHER = "other"
LABELS = 64
"""At most so many values of a label; the rest are counted as `other`."""
LATENCY = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """One service's figures in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.received = Counter(
            "beamside_frames_received_total",
            "Frames that came from the detector.",
            ["stream"],
            registry=registry,
        )
        self.bytes = Counter(
            "beamside_received_bytes_total",
            "Bytes of pixels that came from the detector.",
            ["stream"],
            registry=registry,
        )
        self.dropped = Counter(
            "beamside_frames_dropped_total",
            "Frames that were missing, refused or skipped, by reason.",
            ["stream", "reason"],
            registry=registry,
        )
        self.processed = Counter(
            "beamside_frames_processed_total",
            "Frames that a stage is done with, by outcome.",
            ["stage", "outcome"],
            registry=registry,
        )
        self.duration = Histogram(
            "beamside_stage_duration_seconds",
            "Time that a stage worked on a frame.",
            ["stage"],
            buckets=LATENCY,
            registry=registry,
        )
        self.latency = Histogram(
            "beamside_frame_latency_seconds",
            "From the detector's time stamp (else the arrival) to the result.",
            ["stream"],
            buckets=LATENCY,
            registry=registry,
        )
        self.cut = Counter(
            "beamside_viewer_cut_total",
            "Clients of the page that did not take their answers, and were cut.",
            registry=registry,
        )
        self._gauges(registry)
        self._seen: dict[tuple[str, ...], float] = {}
        self._bytes = 0.0
        self._cut = 0
        self._run: tuple[str, str] | None = None
        self._labels: dict[str, set[str]] = {}

    def _gauges(self, registry: CollectorRegistry) -> None:
        self.depth = Gauge(
            "beamside_queue_depth_frames",
            "Frames that wait before a stage.",
            ["stage"],
            registry=registry,
        )
        self.capacity = Gauge(
            "beamside_queue_capacity_frames",
            "Frames that may wait before a stage.",
            ["stage"],
            registry=registry,
        )
        self.expected = Gauge(
            "beamside_run_frames_expected",
            "Frames of the run: announced, or more when more came.",
            ["stream"],
            registry=registry,
        )
        self.last_frame = Gauge(
            "beamside_last_frame_timestamp_seconds",
            "Unix time at which the last frame came.",
            registry=registry,
        )
        self.backlog = Gauge(
            "beamside_archive_backlog_bytes", "Bytes not yet in the archive.", registry=registry
        )
        self.free = Gauge(
            "beamside_archive_free_bytes", "Bytes free where the archive is.", registry=registry
        )
        self.state = Enum(
            "beamside_run_state", "State of the run.", states=list(STATES), registry=registry
        )
        Info("beamside_build", "What runs here.", registry=registry).info({"version": __version__})

    def count_status(self, status: Mapping[str, Any]) -> None:
        """Take over the figures of a status notice; keys that are absent change nothing."""
        stream = self._label("stream", status.get("source", "none"))
        account = _mapping(status.get("account"))
        self._notice_run(stream, status.get("run"), account.get("received"))
        self._count_account(stream, account)
        _put(self.expected.labels(stream), account.get("expected"))
        self._count_bytes(stream, status.get("bytes_received"))
        for reader, figures in _mapping(status.get("readers")).items():
            stage = self._label("stage", reader)
            _put(self.depth.labels(stage), _mapping(figures).get("queue"))
            _put(self.capacity.labels(stage), _mapping(figures).get("capacity"))
        archive = _mapping(status.get("archive"))
        _put(self.free, archive.get("free_bytes"))
        _put(self.backlog, archive.get("backlog_bytes"))
        _put(self.last_frame, status.get("last_frame_ns"), 1e-9)
        if status.get("state") in STATES:
            self.state.state(status["state"])

    def count_result(self, result: Result) -> None:
        """Observe how long a result took to come."""
        began = result.detector_ns or result.received_ns
        if began and result.done_ns >= began:
            stream = self._label("stream", result.source)
            self.latency.labels(stream).observe((result.done_ns - began) * 1e-9)
        seconds = result.seconds
        if seconds > 0:
            self.duration.labels(self._label("stage", result.analysis)).observe(seconds)

    def count_cut(self, count: int) -> None:
        """Count how many clients of the page were cut so far."""
        self.cut.inc(count - self._cut)
        self._cut = count

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)

    def _notice_run(self, stream: str, run: Any, received: Any) -> None:
        """Count from 0 again in a new run, also in one that has the name of the last."""
        again = _is_count(received) and received < self._seen.get(("received",), 0)
        if run is not None and (run := (stream, str(run))) != self._run:
            self._run, self._seen = run, {}
        elif again:
            self._seen = {}

    def _count_bytes(self, stream: str, count: Any) -> None:
        if _is_count(count):
            self.bytes.labels(stream).inc(count - self._bytes if count >= self._bytes else count)
            self._bytes = count

    def _count_account(self, stream: str, account: Mapping[str, Any]) -> None:
        self._grow(self.received.labels(stream), ("received",), account.get("received"))
        reasons = {"missing": account.get("missing")}
        for group in ("refused", "skipped"):
            for reason, count in _mapping(account.get(group)).items():
                reasons[f"{group}_{reason}"] = count
        for reason, count in reasons.items():
            label = self._label("reason", reason)
            self._grow(self.dropped.labels(stream, label), ("dropped", reason), count)
        for stage, outcome, key in (
            ("archive", "ok", "archived"),
            ("analysis", "ok", "processed"),
            ("analysis", "failed", "failed"),
        ):
            self._grow(self.processed.labels(stage, outcome), (stage, outcome), account.get(key))

    def _grow(self, counter: Counter, key: tuple[str, ...], count: Any) -> None:
        if _is_count(count) and count > (seen := self._seen.get(key, 0)):
            counter.inc(count - seen)
            self._seen[key] = count

    def _label(self, name: str, value: Any) -> str:
        """Keep the number of series bounded whatever names come in."""
        known = self._labels.setdefault(name, set())
        word = str(value)[:100].encode("utf-8", "replace").decode()
        if word not in known and len(known) >= LABELS:
            return OTHER
        known.add(word)
        return word


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_count(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _put(gauge: Gauge, value: Any, factor: float = 1.0) -> None:
    if _is_count(value):
        gauge.set(value * factor)
