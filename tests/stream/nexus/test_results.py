"""Results into the archive and out again, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the filter)
import numpy as np
import pytest
import xarray as xr

from beamside.stream import wire
from beamside.stream.errors import WireError
from beamside.stream.messages import Frame, Result, RunStart, RunStop
from beamside.stream.nexus import Archive, Limits, claim, read_result, read_summary

MakeResult = Callable[..., Result]
MakeData = Callable[..., xr.Dataset]
STOP = RunStop("microscope", "run-7")


def filled(folder: Path, start: RunStart, *results: Result, limits: Limits | None = None) -> Path:
    archive = Archive.create(folder, claim(folder, start), start, limits=limits)
    for result in results:
        archive.add_result(result)
    return archive.close(STOP)


def test_a_dataset_comes_back_as_it_was(
    tmp_path: Path, start: RunStart, result: MakeResult
) -> None:
    sent = result((4, 5, 6))
    after = read_result(filled(tmp_path, start, sent), "hrtem")
    before = sent.data
    assert after["frame"].values.tolist() == [4, 5, 6]
    for name, variable in before.variables.items():
        again = after[name]
        if name in before.dims or variable.dims[:1] in (("frame",), ("spot",), ("grain",)):
            assert again.dims == variable.dims, name
            values = again.values
        else:
            assert again.dims == ("batch", *variable.dims), name
            values = again.values[0]
        if name in ("spot_frame", "grain_frame"):
            assert np.array_equal(values, np.array(sent.frames)[variable.values])
        else:
            assert np.array_equal(values, variable.values), name
        if name not in ("spot_grain",):
            assert values.dtype.kind == variable.values.dtype.kind
        for key, value in variable.attrs.items():
            assert np.array_equal(again.attrs[key], value), (name, key)
    assert after.attrs == before.attrs


def test_results_that_travelled_the_bus_are_archived_the_same(
    tmp_path: Path, start: RunStart, result: MakeResult
) -> None:
    sent = result((0, 1))
    travelled = wire.decode([bytes(part) for part in wire.encode(sent)])
    assert isinstance(travelled, Result)
    after = read_result(filled(tmp_path, start, travelled), "hrtem")
    xr.testing.assert_identical(after, read_result(filled(tmp_path, start, sent), "hrtem"))


def test_results_of_several_workers_are_sorted_by_frame_and_tables_keep_their_references(
    tmp_path: Path, start: RunStart, result: MakeResult
) -> None:
    sent = [result((4, 5)), result((0, 1)), result((2,), spots=0), result((3,), spots=9)]
    after = read_result(filled(tmp_path, start, *sent, limits=Limits(block_s=0)), "hrtem")
    assert after["frame"].values.tolist() == [0, 1, 2, 3, 4, 5]
    by_frame = {n: r.data.isel(frame=i) for r in sent for i, n in enumerate(r.frames)}
    for name in ("phase_map", "spectrum", "phase_fraction", "total", "remark"):
        for row, number in enumerate(after["frame"].values):
            assert np.array_equal(after[name].values[row], by_frame[int(number)][name].values)
    assert after.sizes["spot"] == sum(r.data.sizes["spot"] for r in sent)
    assert after.sizes["grain"] == 8
    row = grain_row = 0
    for one in sent:
        spots, frames = one.data.sizes["spot"], np.array(one.frames)
        part = slice(row, row + spots)
        assert np.array_equal(after["spot_ky"].values[part], one.data["spot_ky"].values)
        assert np.array_equal(after["spot_label"].values[part], one.data["spot_label"].values)
        assert np.array_equal(
            after["spot_frame"].values[part], frames[one.data["spot_frame"].values]
        )
        local = one.data["spot_grain"].values
        expected = np.where(local < 0, -1, local + grain_row)
        assert np.array_equal(after["spot_grain"].values[part], expected)
        row += spots
        grain_row += 2


def test_images_are_plots_with_axes_units_and_flags(
    tmp_path: Path, start: RunStart, result: MakeResult
) -> None:
    with h5py.File(filled(tmp_path, start, result((0, 2)))) as file:
        plot = file["entry/hrtem/phase_map"]
        assert plot.attrs["NX_class"] == "NXdata"
        assert plot.attrs["signal"] == "phase_map"
        assert plot.attrs["axes"].tolist() == ["frame", "y", "x"]
        assert [plot.attrs[f"{axis}_indices"] for axis in ("frame", "y", "x")] == [0, 1, 2]
        assert plot["frame"][:].tolist() == [0, 2]
        assert plot["y"].attrs["units"] == "nm"
        signal = plot["phase_map"]
        assert signal.attrs["interpretation"] == "image"
        assert signal.attrs["flag_values"].tolist() == [0, 1, 2, 3, 4]
        assert signal.attrs["flag_meanings"] == "vacuum amorphous unknown LiF Li2O"
        assert file["entry"].attrs["default"] == "hrtem"
        assert file["entry/hrtem"].attrs["default"] == "phase_map"


def test_how_it_was_found_is_kept_and_a_change_of_it_too(
    tmp_path: Path, start: RunStart, result: MakeResult
) -> None:
    first = result((0,))
    other = replace(result((1,)), provenance={**first.provenance, "device": "cuda:0"})
    path = filled(tmp_path, start, first, other, result((2,)))
    with h5py.File(path) as file:
        process = file["entry/hrtem"]
        assert process.attrs["NX_class"] == "NXprocess"
        assert process["program"][()] == b"beamside hrtem"
        assert process["version"][()] == b"0.1"
        assert process["settings/window_nm"][()] == 3.0
        assert json.loads(process["settings/phases"][()]) == ["LiF", "Li2O"]
        assert json.loads(process["provenance/json"][()]) == first.provenance
        assert json.loads(process["provenance/json_2"][()])["device"] == "cuda:0"
        assert process["frames/provenance"][:].tolist() == [1, 2, 1]
        assert process["frames/done_time"][0] == first.done_ns


def test_another_size_goes_on_beside_the_first_and_comes_back(
    tmp_path: Path, start: RunStart, result: MakeResult
) -> None:
    sent = [result((0,)), result((1,), size=24), result((2,)), result((3,), size=24)]
    path = filled(tmp_path, start, *sent)
    with h5py.File(path) as file:
        names = [name for name in file["entry/hrtem"] if name.startswith("phase_map")]
        assert names == ["phase_map", "phase_map_2"]
    after = read_result(path, "hrtem")
    for row, one in enumerate(sent):
        name = "phase_map_2" if row % 2 else "phase_map"
        other = "phase_map" if row % 2 else "phase_map_2"
        assert np.array_equal(after[name].values[row], one.data["phase_map"].values[0])
        assert (after[other].values[row] == 255).all()
    assert after["phase_map_2"].dims == ("frame", "y_2", "x_2")
    assert np.array_equal(after["x_2"].values, sent[1].data["x"].values)


def test_other_units_types_and_axes_are_not_mixed_up(
    tmp_path: Path, start: RunStart, result: MakeResult, dataset: MakeData
) -> None:
    calibrated, unknown, wide = dataset(1), dataset(1), dataset(1)
    unknown["x"].attrs["units"] = "px"
    unknown = unknown.assign_coords(x=("x", np.arange(16) + 0.5, {"units": "px"}))
    unknown["total"].attrs["units"] = "electrons"
    wide["total"] = wide["total"].astype("<f4")
    path = filled(
        tmp_path,
        start,
        *(result((i,), data) for i, data in enumerate((calibrated, unknown, wide))),
    )
    after = read_result(path, "hrtem")
    assert after["x"].attrs["units"] == "nm"
    assert after["x_2"].attrs["units"] == "px"
    units = [after[name].attrs["units"] for name in ("total", "total_2", "total_3")]
    assert units == ["counts", "electrons", "counts"]
    assert np.isfinite(after["total_2"].values).tolist() == [False, True, False]


def test_a_variable_that_comes_and_goes_leaves_holes(
    tmp_path: Path, start: RunStart, result: MakeResult, dataset: MakeData
) -> None:
    gone = dataset(1).drop_vars(["confidence", "spot_snr", "grain_map"])
    path = filled(tmp_path, start, result((0,), gone), result((1,)), result((2,), gone))
    after = read_result(path, "hrtem")
    finite = np.isfinite(after["confidence"].values).all(axis=(1, 2))
    assert finite.tolist() == [False, True, False]
    assert (after["grain_map"].values[0] == np.iinfo(np.int16).max).all()
    assert np.isfinite(after["spot_snr"].values).tolist() == [False] * 3 + [True] * 3 + [False] * 3


def test_labels_may_become_longer_and_monsters_are_cut_visibly(
    tmp_path: Path, start: RunStart, result: MakeResult, dataset: MakeData
) -> None:
    texts = ["short", "é" * 100, "ü" * 5000, "short again"]
    sent = []
    for number, text in enumerate(texts):
        data = dataset(1, spots=1)
        data["spot_label"] = ("spot", [text], {"long_name": "label"})
        sent.append(result((number,), data))
    path = filled(tmp_path, start, *sent, limits=Limits(block_s=0))
    after = read_result(path, "hrtem")
    labels = after["spot_label"].values.tolist()
    assert [labels[0], labels[1], labels[3]] == [texts[0], texts[1], texts[3]]
    assert labels[2].startswith("ü" * 1000)
    assert labels[2].endswith("…")
    assert after["spot_label"].attrs["long_name"] == "label"


def test_an_error_is_recorded_with_its_frames(
    tmp_path: Path, start: RunStart, result: MakeResult
) -> None:
    failed = replace(result((3, 4)), data=xr.Dataset(), error="AnalysisError: all NaN <b>")
    path = filled(tmp_path, start, failed, result((0,)), failed)
    with h5py.File(path) as file:
        lines = bytes(file["entry/hrtem/frames/errors"][:]).splitlines()
    assert [json.loads(line)["frames"] for line in lines] == [[3, 4], [3, 4]]
    analysis = read_summary(path).analyses[0]
    assert (analysis.frames, analysis.failed) == (1, 2)
    assert analysis.errors == ("AnalysisError: all NaN <b>",)


def test_an_analysis_with_errors_only_can_be_read(
    tmp_path: Path, start: RunStart, result: MakeResult
) -> None:
    path = filled(tmp_path, start, replace(result((3,)), data=xr.Dataset(), error="no"))
    assert read_summary(path).analyses[0].frames == 0
    assert not read_result(path, "hrtem").data_vars


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "a/b",
        "<script>alert(1)</script>",
        "v" * 300,
        "Ωmega",
        "",
        ".",
        "NX_class",
        "data",
    ],
)
def test_hostile_names_are_harmless_and_come_back(
    name: str, tmp_path: Path, start: RunStart, frame: Callable[..., Frame]
) -> None:
    data = xr.Dataset(
        {
            name: (("frame", f"{name}~axis"), np.ones((1, 3)), {name: "attribute", "units": name}),
            f"{name}_2": ("frame", [1.0]),
            f"{name}~thing_frame": (f"{name}~thing", [0, 0]),
        },
        {f"{name}~axis": [1.0, 2.0, 3.0]},
        {name: "of all"},
    )
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)
    archive.add_result(
        Result("microscope", "run-7", (0,), name, data, {"settings": {name: name}, name: 1})
    )
    archive.add(frame(0))
    path = archive.close(STOP)
    after = read_result(path, name)
    assert after[name].values.tolist() == [[1.0, 1.0, 1.0]]
    assert after[name].attrs["units"] == name
    assert after[f"{name}~thing_frame"].values.tolist() == [0, 0]
    with h5py.File(path) as file:
        names: list[str] = []
        file.visit(names.append)
        for part in {part for path in names for part in path.split("/")}:
            assert part.replace("_", "").isalnum(), part
            assert len(part) <= 63
        assert file["entry/data"].attrs["NX_class"] == "NXdata"
        assert file["entry/data/data"].shape[0] == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.isel(frame=[0, 0, 0]),
        lambda data: data.assign(spot_frame=("spot", [0, 7, 1])),
        lambda data: data.assign(spot_frame=("spot", [0, -1, 1])),
        lambda data: data.assign(when=("frame", np.array([0, 1], "datetime64[s]"))),
        lambda data: data.assign(wave=("frame", np.array([1j, 2j]))),
        lambda data: data.assign({f"v{i}": ("frame", [0, 0]) for i in range(600)}),
    ],
)
def test_what_is_no_result_of_this_house_is_refused_and_harms_nothing(
    spoil: Callable[[xr.Dataset], xr.Dataset],
    tmp_path: Path,
    start: RunStart,
    result: MakeResult,
) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)
    archive.add_result(result((0, 1)))
    sent = result((2, 3))
    with pytest.raises(WireError) as refused:
        archive.add_result(replace(sent, data=spoil(sent.data)))
    assert refused.value.reason == "bad_result"
    archive.add_result(sent)
    after = read_result(archive.close(STOP), "hrtem")
    assert after["frame"].values.tolist() == [0, 1, 2, 3]
    assert after.sizes["spot"] == 6


def test_a_shape_a_frame_ends_in_a_refusal_not_in_endless_groups(
    tmp_path: Path, start: RunStart
) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)

    def grown(size: int) -> Result:
        data = xr.Dataset({"profile": (("frame", "k"), np.zeros((1, size)))})
        return Result("microscope", "run-7", (size,), "sum", data)

    for size in range(1, 65):
        archive.add_result(grown(size))
    with pytest.raises(WireError, match="64 shapes"):
        archive.add_result(grown(65))
    archive.add_result(grown(64))
    assert len(read_result(archive.close(STOP), "sum")["frame"]) == 65


def test_attributes_of_any_kind_and_length_are_kept_or_logged(
    tmp_path: Path, start: RunStart
) -> None:
    odd = {
        "none": None,
        "map": {"a": [1, None]},
        "long": "x" * 100_000,
        "bytes": b"\xff",
        "on": True,
    }
    results = []
    for number in range(2):
        data = xr.Dataset({"total": ("frame", [1.0], {**odd, "number": number})}, attrs=odd)
        results.append(Result("microscope", "run-7", (number,), "sum", data))
    path = filled(tmp_path, start, *results)
    with h5py.File(path) as file:
        notes = [json.loads(line) for line in bytes(file["entry/sum/frames/notes"][:]).splitlines()]
    logged = [note["attrs"] for note in notes if note["variable"] == "total"]
    assert [note["number"] for note in logged] == [0, 1]
    assert logged[0]["long"] == odd["long"]
    assert read_result(path, "sum")["total"].attrs["map"] == '{"a":[1,null]}'


def test_several_analyses_lie_side_by_side_and_the_first_image_is_shown(
    tmp_path: Path, start: RunStart, result: MakeResult
) -> None:
    total = xr.Dataset({"total": ("frame", [1.0])})
    path = filled(tmp_path, start, result((0,), total, analysis="sum"), result((0,)))
    with h5py.File(path) as file:
        assert file["entry/sum/sequence_index"][()] == 1
        assert file["entry/hrtem/sequence_index"][()] == 2
        assert file["entry"].attrs["default"] == "hrtem"
    assert [analysis.name for analysis in read_summary(path).analyses] == ["sum", "hrtem"]
