"""Volumes of labels, looked at from any side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr

from beamside.analysis.particles.scene import turned, valued


def volume(run: Any) -> Any:
    """Two blocks, one behind the other along x, apart along y."""
    labels = np.zeros((12, 20, 30), np.uint32)
    labels[3:9, 2:8, 3:9] = 5
    labels[3:9, 12:18, 20:26] = 9
    data = xr.Dataset(
        {
            "particle_map": (("z", "y", "x"), labels),
            "particle_label": ("particle", np.array([5, 9])),
            "particle_damage": ("particle", np.array([0.25, 0.75]), {"units": "1"}),
            "flat": (("z", "y"), labels[:, :, 0]),
        },
        coords={
            name: (name, (np.arange(n) + 0.5) * 0.2, {"units": "um"})
            for name, n in zip("zyx", labels.shape, strict=True)
        },
    )  # fmt: skip
    return replace(run.result(0), data=data), labels


def test_from_above_it_is_the_projection_and_each_has_its_value() -> None:
    labels = np.zeros((10, 40, 20), np.uint16)
    labels[2:8, 5:20, 4:10] = 3
    scene = turned(0.0, 90.0)
    met = scene.met(labels)
    picture = valued(met.seen, np.array([3]), np.array([7.5]))
    seen = np.isfinite(picture)
    assert set(picture[seen]) == {7.5}
    assert seen.sum() * met.step**2 == pytest.approx(15 * 6, rel=0.1)
    again = turned(37.0, -12.0).met(labels)
    assert again.seen.shape == picture.shape, "as large from every side"
    assert again.step == met.step
    light = scene.shade(met)
    assert ((light > 0) == seen).all()


def test_a_volume_is_turned_and_coloured_as_it_is_asked_for(
    visit: Any, run: Any, array: Any
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        result, _ = volume(run)
        state.take(result)
        there = f"/api/v1/results/{run.place(0)}/particle_map"

        async def at(turn: str, colour: str = "damage") -> np.ndarray:
            query = {"enc": "raw", "turn": turn, "colour": colour}
            answer = await client.get(there, params=query)
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-units"] == ("1" if colour == "damage" else "")
            seen: np.ndarray = array(answer)
            return seen

        above, along = await at("0,90"), await at("90,0")
        assert set(above[np.isfinite(above)]) == set(along[np.isfinite(along)]) == {0.25, 0.75}
        hidden = await at("0,0", "label")  # along y: both stand beside each other
        assert set(hidden[np.isfinite(hidden)]) == {5, 9}
        assert not np.array_equal(np.isfinite(above), np.isfinite(hidden))
        light = array(
            await client.get(there, params={"enc": "f32", "turn": "0,90", "colour": "light"})
        )
        assert np.array_equal(np.isfinite(light), np.isfinite(above))
        assert 0 < np.nanmin(light) < np.nanmax(light) <= 1
        small = await client.get(there, params={"turn": "20,30", "size": "64"})
        assert max(array(small).shape) <= 64
        assert "um" in small.headers["x-axes"]

    visit(scenario)


def test_what_cannot_be_turned_is_said(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(volume(run)[0])
        there = f"/api/v1/results/{run.place(0)}"
        for place, words in (
            ("particle_map?turn=0,91", "the elevation from -90 to 90"),
            ("particle_map?turn=0", "2 numbers"),
            ("particle_map?turn=0,nan", "2 numbers"),
            ("particle_map?turn=0,0&colour=mass", "one of light, label, damage"),
            ("flat?turn=0,0", "of a volume of labels"),
            ("particle_damage?turn=0,0", "of a volume of labels"),
        ):
            answer = await client.get(f"{there}/{place}")
            assert answer.status_code == 400, place
            assert words in answer.json()["error"]
        assert (await client.get(f"{there}/nothing?turn=0,0")).status_code == 404

    visit(scenario)
