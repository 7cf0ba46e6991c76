"""CSV comes in pieces, whatever its size, and is true to the last row."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import xarray as xr

from beamside.services.viewer import export, spreadsheet


def test_an_image_is_written_in_pieces_of_some_rows() -> None:
    values = np.random.default_rng(1).normal(size=(700, 300))
    values[3, 4] = np.nan
    pieces = list(spreadsheet.image(values))
    assert max(map(len, pieces)) < 40 * spreadsheet.CELLS
    assert len(pieces) > 3
    rows = list(csv.reader(io.StringIO(b"".join(pieces).decode("utf-8-sig"))))
    assert rows[3][4] == ""
    back = np.array([[float(cell or "nan") for cell in row] for row in rows])
    assert np.array_equal(back, values, equal_nan=True)


def test_all_rows_of_a_table_come_however_many(visit: Any, run: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(export, "ROWS", 7)
    names = np.array(["=1", "b"] * 10)
    columns = {"dot_v": ("dot", np.arange(20) / 8, {"units": "nm"}), "dot_name": ("dot", names)}

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(replace(run.result(0), data=xr.Dataset(columns)))
        there = f"/api/v1/export/tables/results/{run.place(0)}/dot?format=csv"
        answer = await client.get(there)
        assert "attachment" in answer.headers["content-disposition"]
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert rows[:3] == [["v [nm]", "name"], ["0.0", "'=1"], ["0.125", "b"]]
        assert [float(v) for v, _ in rows[1:]] == [n / 8 for n in range(20)]

    visit(scenario)
