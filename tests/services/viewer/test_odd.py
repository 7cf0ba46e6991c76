"""Whatever comes is shown or refused in words; nothing fails inside."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr

EVIL = "<img src=x onerror=alert(1)>"


ODD = {"units": 5, "long_name": ["a", "b"], "flag_values": "zz", "flag_meanings": 7}


def dots(count: int) -> xr.Dataset:
    rows = {"dot_v": ("dot", np.arange(count)), "dot_frame": ("dot", np.zeros(count, "i4"))}
    return xr.Dataset(rows)


def odd() -> dict[str, xr.Dataset]:
    image = ("frame", "y", "x")
    flags = {
        "flag_values": np.arange(500, dtype=np.uint16),
        "flag_meanings": " ".join(f"c{n}" for n in range(500)),
    }
    return {
        "one": xr.Dataset({"v": (image, np.ones((1, 1, 1), "f4"))}),
        "nan": xr.Dataset({"v": (image, np.full((1, 9, 9), np.nan))}),
        "inf": xr.Dataset(
            {"v": (image, np.array([[[np.inf, -np.inf], [1.0, np.nan]]]))},
            {"y": [np.inf, 1.0], "x": [np.nan, np.nan]},
        ),
        "huge": xr.Dataset({"v": (image, np.array([[[1e308, -1e308]]]))}),
        "empty": xr.Dataset({"v": (image, np.empty((1, 0, 5)))}),
        "text": xr.Dataset({"v": ("frame", np.array([EVIL]), {"units": EVIL, "long_name": EVIL})}),
        "complex": xr.Dataset({"v": (image, np.full((1, 2, 2), 3 + 4j))}),
        "classes": xr.Dataset(
            {"v": (image, np.arange(500, dtype=np.uint16).reshape(1, 20, 25), flags)}
        ),
        "points": dots(1_000_000),
        "no rows": dots(0),
        "deep": xr.Dataset({"v": (("frame", "a", "b", "y", "x"), np.ones((1, 2, 3, 2, 2)))}),
        "nothing": xr.Dataset(attrs={EVIL: {"a": [EVIL]}}),
        "odd words": xr.Dataset({"v": (image, np.ones((1, 2, 2), "u1"), ODD)}, attrs={"note": 1}),
    }


@pytest.mark.parametrize("kind", sorted(odd()))
def test_an_odd_result_is_shown_or_refused_in_words(visit: Any, run: Any, kind: str) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(replace(run.result(0), data=odd()[kind]))
        place = run.place(0)
        for path in (
            "results/latest",
            f"results/{place}",
            f"results/{place}/v",
            f"results/{place}/v?enc=raw",
            f"results/{place}/v?enc=f32&limits=0,1",
            f"values/results/{place}/v?y=0&x=0",
            f"region/results/{place}/v?roi=0,0,9,9",
            f"profile/results/{place}/v?line=0,0,1,1",
            f"tables/results/{place}/dot?limit=10",
            f"export/results/{place}/v",
            f"export/results/{place}/v?format=tiff",
            f"export/results/{place}/v?format=csv",
            f"export/results/{place}/v?format=h5",
            f"export/results/{place}?format=h5",
            "history",
            "health",
        ):
            answer = await client.get(f"/api/v1/{path}")
            assert answer.status_code in (200, 400, 404), (path, answer.text)
            if "json" in answer.headers["content-type"]:
                answer.json()
            assert "text/html" not in answer.headers["content-type"]

    visit(scenario)


def test_infinite_numbers_are_spelled_and_nan_is_null(visit: Any, run: Any) -> None:
    v = np.array([[[np.inf, -np.inf], [1.0, np.nan]]])
    data = xr.Dataset(
        {
            "v": (("frame", "y", "x"), v),
            "v_sigma": (("frame", "y", "x"), np.full_like(v, np.inf)),
            "ratio": ("frame", np.array([-np.inf]), {"limit": np.inf}),
            "curve": (("frame", "k"), v.reshape(1, 4)),
            "spot_frame": ("spot", np.zeros(3, np.int32)),
            "spot_d": ("spot", np.array([np.inf, -np.inf, np.nan])),
            "spot_label": ("spot", ["inf", "a", "b"]),
        },
        {"k": ("k", [-np.inf, 0.0, 1.0, 7.0])},
    )

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(replace(run.result(0), data=data))

        async def told(path: str) -> Any:
            answer = await client.get(f"/api/v1/{path}")
            assert answer.status_code == 200, answer.text
            return json.loads(answer.content, parse_constant=pytest.fail)  # no NaN, no Infinity

        doc = await told(f"results/{run.place(0)}")
        assert doc["variables"]["ratio"]["values"] == "-inf"
        assert doc["variables"]["ratio"]["attrs"] == {"limit": "inf"}
        assert doc["variables"]["curve"]["values"] == ["inf", "-inf", 1.0, None]
        assert doc["dims"]["k"]["values"] == ["-inf", 0.0, 1.0, 7.0]
        spots = doc["tables"]["spot"]["columns"]
        assert spots["d"]["values"] == ["inf", "-inf", None]
        assert [np.dtype(spots[name]["dtype"]).kind for name in ("d", "label")] == ["f", "U"]
        rows = await told(f"tables/results/{run.place(0)}/spot?offset=1")
        assert rows["columns"]["d"]["values"] == ["-inf", None]
        here = f"values/results/{run.place(0)}/v?last=5&"
        pixel = await told(here + "y=0&x=1")
        assert (pixel["value"], pixel["sigma"]) == ("-inf", "inf")
        assert pixel["history"]["values"] == ["-inf"]
        assert (await told(here + "y=1&x=1"))["value"] is None
        csv = await client.get(f"/api/v1/export/tables/results/{run.place(0)}/spot?format=csv")
        cells = [line.split(",") for line in csv.content.decode("utf-8-sig").splitlines()]
        assert cells == [["d", "label"], ["inf", "inf"], ["-inf", "a"], ["", "b"]]
        shown = await client.get(f"/api/v1/export/results/{run.place(0)}/v?format=csv")
        assert shown.content.decode("utf-8-sig").splitlines() == ["inf,-inf", "1.0,"]

    visit(scenario)


def test_words_of_a_result_are_text_and_flags_whole_numbers(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        one = {"flag_values": np.uint8(3), "flag_meanings": np.array(["Li", "LiF"]), "units": b"1"}
        data = odd()["odd words"].assign(w=(("frame",), [3], one))
        state.take(replace(run.result(0), data=data))
        found = (await client.get(f"/api/v1/results/{run.place(0)}")).json()
        assert found["attrs"] == {"note": "1"}
        words = {"units": "5", "long_name": "a b", "flag_meanings": "7"}
        assert found["variables"]["v"]["attrs"] == words
        said = {"flag_values": [3], "flag_meanings": "Li LiF", "units": "1"}
        assert found["variables"]["w"]["attrs"] == said

    visit(scenario)


def test_a_picture_over_uneven_positions_is_drawn_by_index_and_says_so(
    visit: Any, run: Any
) -> None:
    k, e = np.geomspace(1, 100, 6), np.geomspace(700, 800, 10_000)
    axes = {"k": ("k", k, {"units": "1/nm"}), "e": ("e", e, {"units": "eV"})}
    data = xr.Dataset(
        {"v": (("frame", "k", "e"), np.ones((1, 6, 10_000), "f4")), "c": ("z", [1.0, 2.0])},
        axes | {"z": ("z", [3.0, 3.0])},
    )

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(replace(run.result(0), data=data))
        place = run.place(0)
        shown = await client.get(f"/api/v1/results/{place}/v?size=8192")
        axis = {"start": 0.5, "step": 2.0, "units": "px"}  # of two pixels each
        assert json.loads(shown.headers["x-axes"])["k"] == axis
        dims = (await client.get(f"/api/v1/results/{place}")).json()["dims"]
        assert dims["k"]["values"] == k.tolist()
        assert (dims["e"]["values"], dims["e"]["every"]) == (e[1::3].tolist(), 3)
        assert dims["z"]["values"] == [3.0, 3.0]
        at = (await client.get(f"/api/v1/values/results/{place}/v?y=2&x=9000")).json()["at"]
        assert at["k"] == {"index": 2, "value": k[2], "units": "1/nm"}
        assert at["e"]["value"] == e[9000]
        line = await client.get(f"/api/v1/profile/results/{place}/v?line=0,0,3,4")
        assert (line.json()["distance"][-1], line.json()["distance_units"]) == (5.0, "px")

    visit(scenario)


def test_a_very_large_image_is_looked_at_in_parts(visit: Any, run: Any, array: Any) -> None:
    image = np.zeros((8192, 8192), "|u1")
    image[8191, 8190] = 200

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(0, image))
        small = await client.get("/api/v1/frames/latest?size=512")
        assert array(small).shape == (512, 512)
        there = run.place(0)
        said = (await client.get(f"/api/v1/values/frames/{there}?y=8191&x=8190")).json()
        assert said["value"] == 200
        picture = await client.get(f"/api/v1/export/frames/{there}?size=300")
        assert picture.status_code == 200

    visit(scenario)


def test_a_run_that_comes_again_is_the_new_one(visit: Any, run: Any, array: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        for value in (1, 2):
            state.take(run.start)
            state.take(run.frame(0, np.full((2, 2), value, "<u2")))
        answer = await client.get(f"/api/v1/frames/{run.place(0)}?enc=raw")
        assert (array(answer) == 2).all()

    visit(scenario)
