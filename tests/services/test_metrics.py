"""The exported figures are counters that only grow, under the agreed names."""

from __future__ import annotations

from typing import Any

import xarray as xr

from beamside.services.metrics import Metrics
from beamside.stream.messages import Result


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def status(run: str | None, received: int, **more: Any) -> dict[str, Any]:
    return {"source": "camera", "run": run, "account": {"received": received, **more}}


def test_a_new_run_counts_on() -> None:
    metrics = Metrics()
    metrics.count_status(status("1", 10))
    metrics.count_status(status("1", 12))
    metrics.count_status(status(None, 12))
    metrics.count_status(status("2", 5))
    metrics.count_status(status("2", 0))  # the same name again
    metrics.count_status(status("2", 3))
    name = "beamside_frames_received_total"
    assert value(metrics, name, stream="camera") == 12 + 5 + 3


def test_how_many_frames_a_run_has_is_told() -> None:
    metrics = Metrics()
    metrics.count_status(status("1", 3, expected=100))
    metrics.count_status(status("2", 0, expected=20))
    assert value(metrics, "beamside_run_frames_expected", stream="camera") == 20


def test_lost_frames_are_counted_by_reason() -> None:
    metrics = Metrics()
    lost = {"missing": 3, "refused": {"truncated": 2}, "skipped": {"newest": 7}}
    metrics.count_status(status("1", 100, **lost))
    metrics.count_status(status("1", 101, missing=1))  # two came late after all
    name = "beamside_frames_dropped_total"
    assert value(metrics, name, stream="camera", reason="missing") == 3
    assert value(metrics, name, stream="camera", reason="refused_truncated") == 2
    assert value(metrics, name, stream="camera", reason="skipped_newest") == 7


def test_stages_queues_disk_and_state_are_told() -> None:
    metrics = Metrics()
    metrics.count_status(
        {
            "state": "draining",
            "run": "1",
            "account": {"archived": 4, "processed": 3, "failed": 1},
            "readers": {"archive": {"queue": 5, "capacity": 64, "policy": "wait"}},
            "archive": {"free_bytes": 1e9, "backlog_bytes": 5},
            "last_frame_ns": 1_700_000_000_500_000_000,
            "bytes_received": 2048,
        }
    )
    done = "beamside_frames_processed_total"
    assert value(metrics, done, stage="archive", outcome="ok") == 4
    assert value(metrics, done, stage="analysis", outcome="ok") == 3
    assert value(metrics, done, stage="analysis", outcome="failed") == 1
    assert value(metrics, "beamside_queue_depth_frames", stage="archive") == 5
    assert value(metrics, "beamside_queue_capacity_frames", stage="archive") == 64
    assert value(metrics, "beamside_archive_free_bytes") == 1e9
    assert value(metrics, "beamside_archive_backlog_bytes") == 5
    assert value(metrics, "beamside_last_frame_timestamp_seconds") == 1_700_000_000.5
    assert value(metrics, "beamside_received_bytes_total", stream="none") == 2048
    assert value(metrics, "beamside_run_state", beamside_run_state="draining") == 1
    assert value(metrics, "beamside_run_state", beamside_run_state="idle") == 0


def test_latency_is_from_the_detector_to_the_result() -> None:
    metrics = Metrics()
    result = Result(
        "camera",
        "1",
        (0,),
        "hrtem",
        xr.Dataset(),
        seconds=0.3,
        detector_ns=1_000_000_000,
        received_ns=1_100_000_000,
        done_ns=1_500_000_000,
    )
    metrics.count_result(result)
    assert value(metrics, "beamside_frame_latency_seconds_sum", stream="camera") == 0.5
    assert value(metrics, "beamside_stage_duration_seconds_sum", stage="hrtem") == 0.3


def test_odd_notices_change_nothing() -> None:
    metrics = Metrics()
    for odd in (
        {},
        {"account": None, "readers": [1], "archive": "x", "state": "dancing"},
        {"account": {"received": "9", "missing": -4, "refused": 3, "archived": True}},
        {"readers": {"a": None}, "last_frame_ns": "now", "bytes_received": None},
    ):
        metrics.count_status(odd)
    assert value(metrics, "beamside_frames_received_total", stream="none") == 0


def test_names_from_outside_do_not_grow_without_bound() -> None:
    metrics = Metrics()
    for n in range(500):
        metrics.count_status(status("1", 1, refused={f'"{n}\n\udcff': 1}))
    lines = metrics.text().decode().splitlines()
    assert sum(line.startswith("beamside_frames_dropped_total") for line in lines) < 80
    other = value(metrics, "beamside_frames_dropped_total", stream="camera", reason="other")
    assert other is not None
    assert other > 400


def test_each_service_has_figures_of_its_own() -> None:
    one, two = Metrics(), Metrics()
    one.count_status(status("1", 10))
    assert value(two, "beamside_frames_received_total", stream="camera") is None
    assert b"beamside_build_info{version=" in one.text()
