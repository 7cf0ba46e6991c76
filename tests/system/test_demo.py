from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  the filter is registered by the import
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(120)


def test_a_demo_of_some_frames_finds_phases_and_stops_by_itself(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    demo = command("demo", "--frames", "2", "--rate", "4", "--archive", str(tmp_path), "--json")
    said = demo.end(90)
    assert said["code"] == 0
    assert said["status"] == "complete"
    assert [said[k] for k in ("received", "processed", "archived", "missing")] == [2, 2, 2, 0]
    assert said["refused"] == {}
    assert said["skipped"] == {}
    assert said["latency_ms"]["p50"] > 0
    with h5py.File(said["archive"]) as file:
        assert file["entry/instrument/microscope/data"].shape == (2, 1024, 1024)
        assert file["entry/instrument/microscope/data"][1].max() > 0
        assert file["entry/hrtem"].attrs["NX_class"] == "NXprocess"


def test_a_steered_demo_hunts_with_the_frames_of_a_raster(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    options = ("--frames", "16", "--rate", "0", "--size", "128", "--archive", str(tmp_path))
    demo = command("demo", "--steer", *options, "--json")
    said = demo.end(100)
    assert (said["code"], said["status"], said["run_count"]) == (0, "complete", 1)
    assert [said[k] for k in ("received", "processed", "archived", "missing")] == [32, 32, 32, 0]


def test_ctrl_c_drains_and_ends_with_exit_code_0(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    demo = command(
        "demo", "--rate", "9", "--size", "128", "--archive", str(tmp_path), "--json",
        "--set", "analysis.name=quality",
    )  # fmt: skip
    page = demo.wait_for("page").split()[-1]
    demo.wait_for("processed [1-9]", 60)
    address, token = page.split("?token=")
    asked = urllib.request.Request(  # noqa: S310  our own page
        f"{address}api/v1/status", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address, timeout=10)  # noqa: S310
    refused.value.close()
    assert refused.value.code == 401
    demo.interrupt()
    said = demo.end()
    assert said["code"] == 0
    assert said["status"] == "aborted"
    assert said["received"] == said["archived"] > 0
    assert said["processed"] + sum(said["skipped"].values()) == said["received"]
    assert Path(said["archive"]).exists()


def test_many_files_are_many_runs_and_a_broken_one_is_named(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    for n in range(12):
        np.savez(tmp_path / f"im{n:02}.npz", image=np.full((64, 64), n, "<u2"))
    (tmp_path / "broken.dm3").write_bytes(b"nothing")
    files = [*sorted(tmp_path.glob("*.npz")), tmp_path / "broken.dm3"]
    said = command(
        "replay", *map(str, files), "--analysis", "sum", "--no-page", "--json",
        "--archive", str(tmp_path / "archive"),
    ).end(60)  # fmt: skip
    assert (said["code"], said["run_count"]) == (0, 12)
    assert said["received"] == said["processed"] == said["archived"] == 12
    assert said["refused"] == {"unreadable_file": 1}
    assert any("broken.dm3" in alarm for alarm in said["alarms"])


def test_an_archive_is_replayed_to_the_same_frames(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    first = command(
        "demo", "--frames", "3", "--rate", "0", "--size", "256", "--no-page", "--json",
        "--set", "analysis.name=sum", "--archive", str(tmp_path / "first"), "--wire", "stream2",
    ).end(90)  # fmt: skip
    again = command(
        "replay", first["archive"], "--analysis", "sum", "--no-page", "--json",
        "--archive", str(tmp_path / "again"),
    ).end(90)  # fmt: skip
    assert (first["code"], again["code"]) == (0, 0)
    assert again["received"] == again["processed"] == again["archived"] == 3
    with h5py.File(first["archive"]) as one, h5py.File(again["archive"]) as two:
        frames = one["entry/instrument/microscope/data"][...]
        assert (two["entry/instrument/replay/data"][...] == frames).all()
        totals = two["entry/sum/total/total"] if "total" in two["entry/sum"] else None
        assert totals is None or len(totals) == 3
