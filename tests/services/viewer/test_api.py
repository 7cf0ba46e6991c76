"""What the API answers, compared with what was put in."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from urllib.parse import quote, unquote

import httpx
import numpy as np
import pytest

from beamside.services.viewer.state import OVERHEAD
from beamside.stream.messages import Frame, Pixels, RunStop


def array(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    shape = [int(n) for n in answer.headers["x-shape"].split(",")]
    return np.frombuffer(answer.content, answer.headers["x-dtype"]).reshape(shape)


def place(run: Any, number: int) -> str:
    return f"{quote(run.name, safe='')}/{number}"


def test_a_frame_with_channels_names_them_and_gives_the_one_that_is_asked_for(
    visit: Any, run: Any
) -> None:
    one, two = np.full((3, 4), 5, "<u2"), np.full((3, 4), 9, "<u2")
    channels = {"high": Pixels((3, 4), "<u2", "raw", one.tobytes())}
    channels["low %é"] = Pixels((3, 4), "<u2", "raw", two.tobytes())

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(Frame("camera", run.name, 0, channels))
        state.take(run.frame(1))
        there = f"/api/v1/frames/{run.place(0)}?enc=raw"
        first = await client.get(there)
        assert json.loads(first.headers["x-channels"]) == list(channels)
        assert (array(first) == one).all()
        for ask in ("channel", "prefer"):
            second = await client.get(there, params={"enc": "raw", ask: "low %é"})
            assert unquote(second.headers["x-channel"]) == "low %é"
            assert (array(second) == two).all()
        assert (await client.get(there + "&channel=nope")).status_code == 400
        # a wish that outlives a run is no error
        lacking = await client.get(f"/api/v1/frames/{run.place(1)}?prefer=low")
        assert (lacking.status_code, lacking.headers["x-channel"]) == (200, "data")
        value = f"/api/v1/values/frames/{run.place(0)}?y=0&x=0&last=9&prefer=low %é"
        assert (await client.get(value)).json()["value"] == 9

    visit(scenario)


def test_the_latest_frame_comes_as_true_values_with_axes(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.start)
        state.take(run.frame(0))
        state.take(run.frame(1))
        answer = await client.get("/api/v1/frames/latest?enc=f32")
        assert np.array_equal(array(answer), np.arange(12).reshape(3, 4) + 100)
        assert answer.headers["x-frame"] == "1"
        assert httpx.QueryParams(f"r={answer.headers['x-run']}")["r"] == run.name
        axes = json.loads(answer.headers["x-axes"])
        assert axes["y"] == {"start": 0.0, "step": 0.1, "units": "nm"}
        assert axes["x"]["step"] == 0.2
        assert answer.headers["cache-control"] == "no-store"

    visit(scenario)


def test_a_page_that_came_late_has_axes_all_the_same(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        async def unit() -> str:
            answer = await client.get(f"/api/v1/frames/{place(run, 0)}")
            return str(json.loads(answer.headers["x-axes"])["y"]["units"])

        state.take(run.frame(0))
        assert await unit() == "px"
        state.take({"source": "camera", "run": "other", "calibration": {"pixel_size_nm": [1, 1]}})
        assert await unit() == "px"
        state.take({"source": "camera", "run": run.name, "calibration": {"pixel_size_nm": [0, 1]}})
        assert await unit() == "px"
        state.take(run.result(0, provenance={"calibration": {"pixel_size_nm": [0.1, 0.1]}}))
        assert await unit() == "nm"

    visit(scenario)


def test_eight_bits_give_the_values_back_within_one_step(visit: Any, run: Any) -> None:
    image = np.random.default_rng(1).normal(1000, 50, (40, 60)).astype("<f4")
    image[3, 4] = np.nan

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(0, image))
        answer = await client.get("/api/v1/frames/latest")
        codes = array(answer).astype(float)
        scale, offset = (float(answer.headers[f"x-{name}"]) for name in ("scale", "offset"))
        low, high = (float(answer.headers[f"x-{name}"]) for name in ("low", "high"))
        assert codes[3, 4] == 0
        inside = (image > low) & (image < high)
        assert inside.mean() > 0.99
        assert np.abs(offset + scale * codes - image)[inside].max() <= 0.51 * scale
        assert (codes[~np.isnan(image)] > 0).all()

    visit(scenario)


def test_large_frames_are_averaged_down_to_the_size_asked_for(visit: Any, run: Any) -> None:
    image = np.arange(64 * 96, dtype="<u4").reshape(64, 96)

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.start)
        state.take(run.frame(0, image))
        answer = await client.get("/api/v1/frames/latest?enc=f32&size=32")
        small = array(answer)
        assert small.shape == (22, 32)
        assert small[0, 0] == image[:3, :3].mean()
        assert small[-1, 0] == image[63:, :3].mean()
        axes = json.loads(answer.headers["x-axes"])
        assert axes["x"]["start"] == pytest.approx(0.2)
        assert axes["x"]["step"] == pytest.approx(0.6)

    visit(scenario)


def test_a_client_waits_for_the_next_frame_only_as_long_as_it_says(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(0))
        seq = (await client.get("/api/v1/frames/latest")).headers["x-seq"]
        began = time.monotonic()
        nothing = await client.get(f"/api/v1/frames/latest?after={seq}&wait=0.2")
        assert nothing.status_code == 204
        assert 0.15 < time.monotonic() - began < 1.5
        waiting = asyncio.create_task(client.get(f"/api/v1/frames/latest?after={seq}&wait=20"))
        await asyncio.sleep(0.1)
        state.take(run.frame(1))
        assert (await waiting).headers["x-frame"] == "1"

    visit(scenario)


def test_old_frames_go_when_the_memory_is_used(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.frames.memory = 16 * (24 + OVERHEAD)
        for number in range(20):
            state.take(run.frame(number))
        assert (await client.get(f"/api/v1/frames/{place(run, 19)}")).status_code == 200
        assert (await client.get(f"/api/v1/frames/{place(run, 4)}")).status_code == 200
        gone = await client.get(f"/api/v1/frames/{place(run, 3)}")
        assert gone.status_code == 404
        assert "frame 3" in gone.json()["error"]
        held = (await client.get("/api/v1/history")).json()
        assert [one["frame"] for one in held["frames"]] == list(range(4, 20))

    visit(scenario)


def test_pixels_that_cannot_be_decoded_are_said_and_harm_nobody(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(0, data=b"short"))
        answer = await client.get("/api/v1/frames/latest")
        assert answer.status_code == 422
        assert "can't be decoded" in answer.json()["error"]
        state.take(run.frame(1))
        assert (await client.get("/api/v1/frames/latest")).status_code == 200

    visit(scenario)


def test_a_picture_is_made_once_for_all_who_ask(
    visit: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from beamside.services.viewer import pictures

    made: list[int] = []

    def counting(*args: Any) -> Any:
        made.append(1)
        time.sleep(0.05)
        return real(*args)

    real = pictures.of_array
    monkeypatch.setattr(pictures, "of_array", counting)

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(0))
        answers = await asyncio.gather(*(client.get("/api/v1/frames/latest") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len(made) == 1

    visit(scenario)


def test_a_result_is_cut_to_its_frame_and_its_tables_renumbered(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(11))
        state.take(run.result(10, 11, provenance={"hash": b"x", "big": 2**70}))
        found = (await client.get(f"/api/v1/results/{place(run, 11)}")).json()
        assert (found["run"], found["frame"], found["analysis"]) == (run.name, 11, "hrtem")
        assert found["image"] is True
        assert found["attrs"]["note"] == "made up"
        assert found["variables"]["total"]["values"] == 1.5
        assert found["variables"]["profile"]["values"] == [None] * 3
        spots = found["tables"]["spot"]
        assert spots["rows"] == spots["total"] == 2
        assert spots["columns"]["d"]["values"] == [2.25, 3.25]
        assert spots["columns"]["label"]["values"] == ["s2", "s3"]
        # rows 2 and 3 refer to grains 1 and 0, which are the other frame's
        assert spots["columns"]["grain"]["values"] == [-1, -1]
        assert found["dims"]["k"]["values"] == [1.0, 2.0, 4.0]
        assert found["dims"]["x"] == {
            "size": 3, "units": "nm", "long_name": "", "start": 1.0, "step": 2.0,
        }  # fmt: skip
        first = (await client.get(f"/api/v1/results/{place(run, 10)}")).json()
        assert first["image"] is False
        assert first["tables"]["grain"]["columns"]["area"]["values"] == [0.0, 1.0]

    visit(scenario)


def test_references_within_a_frame_survive_the_cut(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        result = run.result(10, 11)
        result.data["spot_grain"].values[:] = [1, -1, 3, 2]
        state.take(result)
        found = (await client.get(f"/api/v1/results/{place(run, 11)}")).json()
        assert found["tables"]["spot"]["columns"]["grain"]["values"] == [1, 0]
        found = (await client.get(f"/api/v1/results/{place(run, 10)}")).json()
        assert found["tables"]["spot"]["columns"]["grain"]["values"] == [1, -1]

    visit(scenario)


def test_a_variable_comes_raw_quantised_or_as_numbers(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.result(10, 11))
        found = (await client.get("/api/v1/results/latest")).json()
        there = found["variables"]["phase_map"]["href"]
        raw = await client.get(there + "?enc=raw")
        assert raw.headers["x-dtype"] == "|u1"
        assert array(raw).tolist() == [[6, 7, 8], [9, 10, 11]]
        there = found["variables"]["level"]["href"]
        values = await client.get(there + "?enc=f32")
        assert array(values).tolist() == [[3.0, 3.5, 4.0], [4.5, 5.0, 5.5]]
        assert json.loads(values.headers["x-axes"])["x"]["step"] == 2.0
        coded = await client.get(there)
        assert coded.headers["x-dtype"] == "|u1"

    visit(scenario)


def test_a_script_can_wait_for_the_result_of_a_frame(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        waiting = asyncio.create_task(client.get(f"/api/v1/results/{place(run, 5)}?wait=20"))
        await asyncio.sleep(0.1)
        state.take(run.result(4))
        state.take(run.result(5, analysis="sum"))
        assert (await waiting).json()["analysis"] == "sum"
        wanted = await client.get("/api/v1/results/latest?analysis=hrtem")
        assert wanted.json()["frame"] == 4

    visit(scenario)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/v1/frames/latest?enc=png", "one of u8, u16, f32"),
        ("/api/v1/frames/latest?size=9", "from 16 to 8192"),
        ("/api/v1/frames/latest?size=1e9", "from 16 to 8192"),
        ("/api/v1/frames/latest?size=\u0663\u0663", "from 16 to 8192"),
        ("/api/v1/frames/latest?after=-1", "whole number"),
        ("/api/v1/frames/latest?wait=nan", "seconds from 0 to 30"),
        ("/api/v1/frames/latest?wait=31", "seconds from 0 to 30"),
        ("/api/v1/frames/latest?channel=threshold_2", "one of data"),
    ],
)
def test_a_wrong_parameter_is_told_what_is_allowed(
    visit: Any, run: Any, path: str, said: str
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(0))
        answer = await client.get(path)
        assert answer.status_code == 400
        assert said in answer.json()["error"]

    visit(scenario)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/frames/nobody/0",
        "/api/v1/frames/nobody/x",
        "/api/v1/results/nobody/0",
        "/api/v1/results/nobody/0/phase_map",
        "/api/v1/results/nobody/99999999999999999999999999",
        "/api/v1/nothing",
        "/..%2f..%2fapp.py",
        "/static/../../app.py",
    ],
)
def test_what_is_not_here_is_a_404_with_a_sentence(visit: Any, path: str) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        answer = await client.get(path)
        assert answer.status_code == 404
        assert len(answer.json()["error"]) > 10

    visit(scenario)


def test_an_unknown_variable_is_told_the_known_ones(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.result(0))
        answer = await client.get(f"/api/v1/results/{place(run, 0)}/nope")
        assert answer.status_code == 404
        assert "phase_map" in answer.json()["error"]
        table = await client.get(f"/api/v1/results/{place(run, 0)}/spot_label")
        assert table.status_code == 400

    visit(scenario)


def test_a_failed_analysis_is_passed_on_in_words(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        import xarray as xr

        state.take(run.frame(0))
        failed = run.result(0)
        state.take(type(failed)("camera", run.name, (0,), "hrtem", xr.Dataset(), error="too dark"))
        found = (await client.get("/api/v1/results/latest")).json()
        assert found["error"] == "too dark"
        assert found["variables"] == found["tables"] == {}

    visit(scenario)


def test_status_tells_the_newest_of_everything(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        empty = (await client.get("/api/v1/status")).json()
        assert empty["frame"] is empty["result"] is empty["status_age_s"] is None
        state.take(run.start)
        state.take(run.frame(3))
        state.take({"kind": "status", "state": "running", "odd": {1: float("nan")}, "s": "\udcff"})
        state.take(RunStop("camera", run.name, "incomplete", "disk full"))
        told = (await client.get("/api/v1/status")).json()
        assert told["frame"]["number"] == 3
        assert told["run"]["run"] == run.name
        assert told["status"]["odd"] == {"1": None}
        assert told["stop"]["reason"] == "disk full"
        assert told["frame_age_s"] < 5

    visit(scenario)


def test_readiness_follows_the_status(visit: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        assert (await client.get("/readyz")).status_code == 503
        for name, ready in (("running", 200), ("draining", 503), ("idle", 200), ("starting", 503)):
            state.take({"state": name})
            assert (await client.get("/readyz")).status_code == ready
        state._status_at -= 6
        assert "no status for 6 s" in (await client.get("/readyz")).json()["state"]
        assert (await client.get("/healthz")).status_code == 200

    visit(scenario)


def test_fine_codes_are_half_as_long_as_numbers_and_nearly_as_good(visit: Any, run: Any) -> None:
    image = np.random.default_rng(2).normal(5, 1, (40, 60)).astype("<f4")

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(0, image))
        there = f"/api/v1/frames/{run.place(0)}?enc=u16&limits=4,6"
        for more, window in (("", (4.0, 6.0)), ("&beyond=9", (-np.inf, np.inf))):
            answer = await client.get(there + more)
            scale, offset = (float(answer.headers[f"x-{name}"]) for name in ("scale", "offset"))
            values = offset + scale * array(answer)
            assert answer.headers["x-dtype"] == "<u2"
            assert np.abs(values - np.clip(image, *window)).max() < 1e-3
            assert (answer.headers["x-low"], answer.headers["x-high"]) == ("4.0", "6.0")
        assert (await client.get(there + "&beyond=-1")).status_code == 400

    visit(scenario)
