"""What is taken away, opened again and compared with what was put in."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py
import httpx
import numpy as np
import pytest
import tifffile
from PIL import Image

from beamside.stream.labelled import read_labelled


def test_an_image_is_exported_in_every_format(visit: Any, run: Any, tmp_path: Path) -> None:
    image = np.random.default_rng(1).normal(size=(60, 40)).astype("<f4")

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.start)
        state.take(run.frame(2, image))
        there = f"/api/v1/export/frames/{run.place(2)}?format="
        picture = await client.get(there + "png&map=cividis&scale=log&percentiles=1,99")
        shown = Image.open(io.BytesIO(picture.content))
        assert shown.width > 400
        assert shown.height > 480
        assert "attachment" in picture.headers["content-disposition"]
        with tifffile.TiffFile(io.BytesIO((await client.get(there + "tiff")).content)) as file:
            assert np.array_equal(file.asarray(), image)
            assert (file.imagej_metadata or {})["unit"] == "nm"
            tags = file.pages.first.tags
            y, x = tags["YResolution"].value, tags["XResolution"].value
            assert (y[1] / y[0], x[1] / x[0]) == pytest.approx((0.1, 0.2))
        plain = np.load(io.BytesIO((await client.get(there + "npy")).content))
        assert np.array_equal(plain, image)
        path = tmp_path / "x.h5"
        path.write_bytes((await client.get(there + "h5")).content)
        back = read_labelled(path)
        assert np.array_equal(back["data"], image)
        assert back["y"].values[2] == pytest.approx(0.2)
        with h5py.File(path) as file:
            assert file[f"entry/{file['entry'].attrs['default']}"].attrs["signal"] == "data"
        rows = (await client.get(there + "csv")).content.decode("utf-8-sig").splitlines()
        assert float(rows[3].split(",")[5]) == pytest.approx(float(image[3, 5]))
        assert (await client.get(there + "exe")).status_code == 400

    visit(scenario)


@pytest.mark.parametrize(
    ("more", "places"),
    [
        ("scale=linear", (0, 9 / 99, 1)),
        ("scale=log", (0, 0.5, 1)),  # as on the page: by decades of the window
        ("scale=sqrt&inverted=1", (1, 1 - (9 / 99) ** 0.5, 0)),
    ],
)
def test_a_picture_has_the_colours_of_the_page(
    visit: Any, run: Any, more: str, places: tuple[float, ...]
) -> None:
    image = np.array([[1.0, 10.0, 100.0]], "<f4").repeat(3, axis=0)

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(0, image))
        there = f"/api/v1/export/frames/{run.place(0)}?format=png&limits=1,100&map=gray&{more}"
        picture = Image.open(io.BytesIO((await client.get(there)).content)).convert("L")
        grown = 160  # three pixels to 480
        y = 14 + 30 + grown // 2
        seen = [picture.getpixel((14 + grown * n + grown // 2, y)) for n in range(3)]
        assert seen == pytest.approx([255 * place for place in places], abs=2)

    visit(scenario)


def test_the_difference_to_another_frame_is_exported_as_it_is_seen(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        for number in (1, 3):
            state.take(run.frame(number))
        state.take(run.frame(4, np.zeros((9, 9), "<u2")))
        there = f"/api/v1/export/frames/{run.place(1)}?format=npy&minus="
        assert (await client.get(there + "another/3")).status_code == 404
        answer = await client.get(there + run.place(3))
        assert np.array_equal(np.load(io.BytesIO(answer.content)), np.full((3, 4), -200.0))
        assert "minus_3" in answer.headers["content-disposition"]
        for wrong in ("x/y", "x/", run.place(4)):
            assert (await client.get(there + wrong)).status_code == 400

    visit(scenario)


def test_classes_curves_tables_and_whole_results(visit: Any, run: Any, tmp_path: Path) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        result = run.result(0, 1)
        result.data["spot_label"].values[:] = ["=1+1", "a", "<b>x</b>", "-2"]
        state.take(result)
        state.take(run.frame(1))
        there = f"/api/v1/export/results/{run.place(1)}"
        assert (await client.get(there + "/phase_map?dark=1")).content[1:4] == b"PNG"
        curve = (await client.get(there + "/profile?format=csv")).content.decode("utf-8-sig")
        assert curve.splitlines() == ["k [1/nm],profile", "1.0,", "2.0,", "4.0,"]
        table = await client.get(f"/api/v1/export/tables/results/{run.place(1)}/spot?format=csv")
        lines = table.content.decode("utf-8-sig").splitlines()
        assert lines[0] == "d [nm],grain,label"
        assert lines[2].endswith("'-2")
        path = tmp_path / "x.h5"
        path.write_bytes((await client.get(there + "?format=h5&image=1")).content)
        back = read_labelled(path)
        assert back["image"].values[0, 1] == 101
        assert back["phase_map"].values.tolist() == [[6, 7, 8], [9, 10, 11]]
        assert back["spot_d"].values.tolist() == [2.25, 3.25]

    visit(scenario)


def test_the_python_of_an_archived_array_reads_it(
    visit: Any, run: Any, tmp_path: Path, capsys: Any
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.result(9))
        live = await client.get(f"/api/v1/export/results/{run.place(9)}/level?format=py")
        assert live.status_code == 409
        name, _ = run.archive(tmp_path)

        async def read(address: str) -> np.ndarray:
            answer = await client.get(f"/api/v1/export/{address}")
            assert answer.status_code == 200, answer.text
            said: dict[str, Any] = {}
            exec(answer.text, said)  # noqa: S102  it is what a person would do with it
            return np.asarray(said["values"])

        values = await read(f"results/{name}/3/level?format=py")
        assert values.tolist() == [[3.0, 3.5, 4.0], [4.5, 5.0, 5.5]]
        assert (await read(f"frames/{name}/4?format=py"))[2, 3] == 411
        assert (await read(f"results/{name}/5/level?format=py&sel=y:1")).tolist() == [4.5, 5, 5.5]
        assert (await read(f"results/{name}/5/level?format=py&sel=x:1")).tolist() == [3.5, 5]
        assert "(2, 3)" in capsys.readouterr().out

    visit(scenario, tmp_path)
