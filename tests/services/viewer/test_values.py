"""True values, compared with the arrays that were put in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr


def cube(run: Any, number: int = 0) -> Any:
    """A result with a spectrum at each pixel, four components of it, and classes."""
    values = np.random.default_rng(number).normal(size=(1, 4, 5, 6)).astype("<f4")
    data = xr.Dataset(
        {
            "amount": (("frame", "component", "y", "x"), values, {"units": "mol"}),
            "amount_sigma": (("frame", "component", "y", "x"), values * 0 + 0.5),
            "five": (("frame", "a", "b", "component", "y", "x"), np.ones((1, 2, 2, 4, 5, 6))),
            "kind": (
                ("frame", "y", "x"),
                np.full((1, 5, 6), 1, np.uint8),
                {"flag_values": np.array([0, 1], np.uint8), "flag_meanings": "none <b>LiF</b>"},
            ),
        },
        coords={
            "component": np.array(["C", "N", "O", "<i>"]),
            "y": ("y", np.arange(5) * 0.5, {"units": "nm"}),
            "x": ("x", np.arange(6) * 0.5, {"units": "nm"}),
        },
    )
    return replace(run.result(number), data=data), values[0]


def test_a_dimension_is_cut_by_index_or_label(visit: Any, run: Any, array: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        result, values = cube(run)
        state.take(result)
        there = f"/api/v1/results/{run.place(0)}/amount?enc=raw"
        assert np.array_equal(array(await client.get(there)), values[0])
        for where in ("3", "<i>"):
            answer = await client.get(there, params={"enc": "raw", "sel": f"component:{where}"})
            assert np.array_equal(array(answer), values[3])
            assert answer.headers["x-sel"] == '{"component": 3}'
        curve = await client.get(there + "&sel=y:2&sel=x:5")
        assert np.array_equal(array(curve)[0], values[:, 2, 5])
        five = await client.get(f"/api/v1/results/{run.place(0)}/five?sel=b:1&sel=a:1&enc=raw")
        assert array(five).shape == (5, 6)
        for wrong, said in (("component:4", "component:0 to"), ("z:1", "one of component")):
            answer = await client.get(f"{there}&sel={wrong}")
            assert answer.status_code == 400
            assert said in answer.json()["error"]

    visit(scenario)


def test_contrast_is_by_percentiles_or_by_limits(visit: Any, run: Any, array: Any) -> None:
    image = np.arange(10_000, dtype="<u2").reshape(100, 100)

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(0, image))

        async def window(query: str) -> tuple[float, float]:
            answer = await client.get(f"/api/v1/frames/latest?{query}")
            assert array(answer).max() == 255
            return float(answer.headers["x-low"]), float(answer.headers["x-high"])

        assert await window("percentiles=10,90") == pytest.approx((999.9, 8999.1), abs=1)
        assert await window("limits=-5,123.5") == (-5, 123.5)
        for wrong in ("percentiles=90,10", "percentiles=1", "limits=1,nan", "limits=a,b"):
            assert (await client.get(f"/api/v1/frames/latest?{wrong}")).status_code == 400

    visit(scenario)


def test_a_pixel_tells_its_value_spectrum_sigma_and_class(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        result, values = cube(run)
        state.take(result)
        there = f"/api/v1/values/results/{run.place(0)}"
        said = (await client.get(f"{there}/amount?y=2&x=4&sel=component:1")).json()
        assert said["value"] == pytest.approx(float(values[1, 2, 4]))
        assert (said["units"], said["sigma"]) == ("mol", 0.5)
        assert said["at"]["y"] == {"index": 2, "value": 1.0, "units": "nm"}
        (spectrum,) = said["along"]
        assert spectrum["coords"] == ["C", "N", "O", "<i>"]
        assert spectrum["values"] == pytest.approx(values[:, 2, 4].tolist())
        assert (await client.get(f"{there}/kind?y=0&x=0")).json()["label"] == "<b>LiF</b>"
        assert (await client.get(f"{there}/amount?y=5&x=0")).status_code == 400

    visit(scenario)


def test_a_pixel_and_a_box_have_a_history(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.start)
        for number in (3, 1, 2):
            state.take(run.frame(number))
        there = f"{run.place(3)}?last=10"
        said = (await client.get(f"/api/v1/values/frames/{there}&y=1&x=2")).json()
        assert said["value"] == 306
        assert said["history"]["frames"] == [1, 2, 3]
        assert said["history"]["values"] == [106, 206, 306]
        said = (await client.get(f"/api/v1/region/frames/{there}&roi=1,1,9,3")).json()
        box = (np.arange(12).reshape(3, 4) + 300)[1:9, 1:3]
        assert said["roi"] == [1, 1, 3, 3]
        assert (said["mean"], said["sum"], said["count"]) == (box.mean(), box.sum(), 4)
        assert said["sigma"] == pytest.approx(box.std())
        assert said["area"] == {"value": pytest.approx(4 * 0.1 * 0.2), "units": "nm^2"}
        assert said["history"]["mean"] == [box.mean() - 200, box.mean() - 100, box.mean()]
        assert (await client.get(f"/api/v1/region/frames/{there}&roi=8,0,9,1")).status_code == 400

    visit(scenario)


def test_a_profile_is_in_physical_units(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.start)
        state.take(run.frame(0))
        there = f"/api/v1/profile/frames/{run.place(0)}"
        said = (await client.get(f"{there}?line=1,0,1,3")).json()
        assert said["values"] == [4, 5, 6, 7]
        assert said["distance"] == pytest.approx([0, 0.2, 0.4, 0.6])
        assert said["distance_units"] == "nm"
        said = (await client.get(f"{there}?line=0,1,2,1&width=3")).json()
        assert said["values"] == [1, 5, 9]
        said = (await client.get(f"{there}?line=0,-2,0,1")).json()
        assert said["values"] == [None, None, 0, 1]
        assert (await client.get(f"{there}?line=0,1")).status_code == 400

    visit(scenario)


def test_rows_of_a_table_come_in_parts(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.result(0, 1))
        there = f"/api/v1/tables/results/{run.place(1)}/spot"
        said = (await client.get(f"{there}?offset=1&columns=d")).json()
        column = {"dims": [], "dtype": "<f8", "attrs": {"units": "nm"}, "values": [3.25]}
        assert said == {"rows": 1, "total": 2, "offset": 1, "columns": {"d": column}}
        missing = await client.get(f"/api/v1/tables/results/{run.place(1)}/nope")
        assert "grain" in missing.json()["error"]

    visit(scenario)


def test_health_tells_the_account_the_disk_and_the_age(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        empty = (await client.get("/api/v1/health")).json()
        assert empty["state"] is None
        assert not empty["stale"]
        account = {"received": 9, "archived": 8, "missing": 1, "refused_frames": 1}
        status = {
            **{"state": "running", "account": account, "alarms": ["disk <b>full</b>"]},
            **{"archive": {"path": "/data", "free_bytes": 3600_000_000}, "bytes_received": 0},
        }
        state.take(status)
        state._status_at -= 1
        for watcher in state.watchers:
            watcher.__self__._seen[0] = (watcher.__self__._seen[0][0] - 10, 0)
        state.take(status | {"bytes_received": 10_000_000})
        said = (await client.get("/api/v1/health")).json()
        assert said["frames"]["in"] == 9
        assert said["frames"]["refused"] == said["frames"]["missing"] == 1
        assert said["disk"]["bytes_per_s"] == pytest.approx(1e6, rel=0.1)
        assert said["disk"]["hours_left"] == pytest.approx(1, rel=0.1)
        assert said["alarms"] == ["disk <b>full</b>"]
        state._status_at -= 6
        assert (await client.get("/api/v1/health")).json()["stale"]

    visit(scenario)
