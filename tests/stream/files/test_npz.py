"""npz and npy."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamside.stream.errors import FileError
from beamside.stream.files import open_file
from beamside.stream.messages import RunStart

STACK = np.arange(3 * 48, dtype="<u2").reshape(3, 6, 8)


def read(path: Path | str, **options: Any) -> tuple[RunStart, np.ndarray]:
    with open_file(Path(path), source="s", **options) as recording:
        start = recording.start
        images = [
            np.frombuffer(frame.channels["data"].data, start.dtype).reshape(start.shape or ())
            for frame in recording.frames()
        ]
    return start, np.array(images)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("name", ["image", "images", "whatever"])
def test_the_images_are_found_by_name_or_as_the_only_ones(
    tmp_path: Path, save: Any, name: str
) -> None:
    more = {"phase_map": np.zeros((6, 8))} if name != "whatever" else {}
    save(tmp_path / "a.npz", **more, **{name: STACK}, table=np.zeros(5))
    start, images = read(tmp_path / "a.npz")
    assert (start.expected, start.metadata["array"]) == (3, name)
    assert np.array_equal(images, STACK)


def test_of_several_one_must_be_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, fft=STACK, label=STACK + 1)
    with pytest.raises(FileError, match="fft, label"):
        read(path)
    assert np.array_equal(read(f"{path}::label")[1], STACK + 1)
    with pytest.raises(FileError, match="no array 'x'"):
        read(f"{path}::x")


def test_images_can_be_read_in_any_order(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=STACK)
    with open_file(tmp_path / "a.npz", source="s") as recording:
        for number in (2, 0, 1, 1):
            assert bytes(recording.frame(number).channels["data"].data) == STACK[number].tobytes()


def test_a_stack_is_never_loaded_whole(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((40, 256, 256), "<u2"))
    tracemalloc.start()
    try:
        with open_file(tmp_path / "a.npz", source="s") as recording:
            assert sum(1 for _ in recording.frames()) == 40
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 256 * 256 * 2


def test_a_simulation_is_calibrated_by_its_header_and_never_by_its_truth(tmp_path: Path) -> None:
    meta = {
        "px_nm_true": 0.03,
        "px_nm_header": 0.031,
        "condition": {"E": 200000.0, "df": -420.0},
        "condition_name": "J200",
        "grains": [{"phase": "Li"}],
    }
    np.savez(tmp_path / "a.npz", image=STACK[0], phase_map=STACK[0], meta=json.dumps(meta))
    start, _ = read(tmp_path / "a.npz")
    assert start.calibration["pixel_size_nm"] == [0.031, 0.031]
    assert start.calibration["voltage_kV"] == 200
    said = repr(start)
    assert "J200" in said
    assert not [truth for truth in ("true", "grains", "0.03,", "phase_map") if truth in said]


@pytest.mark.parametrize("meta", ["not json", "[1]", '{"px_nm_header": "x"}', np.arange(3)])
def test_another_meta_leaves_it_uncalibrated(tmp_path: Path, meta: Any) -> None:
    np.savez(tmp_path / "a.npz", image=STACK[0], meta=meta)
    assert read(tmp_path / "a.npz")[0].calibration == {}


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("exploded"),))


def test_python_objects_are_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bomb = np.empty((2, 2), object)
    bomb[:] = Bomb()
    np.savez(tmp_path / "a.npz", image=bomb, meta=np.array(Bomb(), object))
    np.save(tmp_path / "a.npy", bomb)
    for name in ("a.npz", "a.npy"):
        with pytest.raises(FileError, match="never loaded"):
            read(tmp_path / name)
    assert not Path("exploded").exists()
    pickle.loads(pickle.dumps(Bomb()))  # noqa: S301  (the bomb is a real one)
    assert Path("exploded").exists()


def test_fortran_order_is_read_for_one_image_and_refused_for_many(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.asfortranarray(STACK[0]))
    assert np.array_equal(read(tmp_path / "a.npz")[1][0], STACK[0])
    np.savez(tmp_path / "b.npz", images=np.asfortranarray(STACK))
    with pytest.raises(FileError, match="ascontiguousarray"):
        read(tmp_path / "b.npz")


@pytest.mark.parametrize("shape", [(0, 6, 8), (3, 0, 8), (6, 0), (4,), (2, 2, 2, 2), ()])
def test_shapes_that_hold_no_images_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.savez(tmp_path / "a.npz", image=np.zeros(shape))
    np.save(tmp_path / "a.npy", np.zeros(shape))
    for name in ("a.npz", "a.npy"):
        with pytest.raises(FileError, match=name):
            read(tmp_path / name)


def test_a_stack_in_npy_comes_image_by_image(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STACK)
    assert np.array_equal(read(tmp_path / "a.npy")[1], STACK)


@pytest.mark.parametrize(("view", "axis"), [("xy", 0), ("xz", 1), ("yz", 2)])
def test_a_volume_in_npy_is_cut_along_any_axis(tmp_path: Path, view: str, axis: int) -> None:
    volume = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
    np.save(tmp_path / "a.npy", volume)
    assert np.array_equal(read(Path(f"{tmp_path}/a.npy::{view}"))[1], np.moveaxis(volume, axis, 0))
    with pytest.raises(FileError, match="xy, xz, yz"):
        read(Path(f"{tmp_path}/a.npy::zz"))


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.npz":
        np.savez(path, images=STACK)
    else:
        np.save(path, STACK)
    whole = path.read_bytes()
    for length in range(1, len(whole), 13):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match=name):
            read(path)


def test_flipped_bits_never_raise_anything_but_a_file_error(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=STACK, meta=json.dumps({"px_nm_header": 0.1}))
    whole = path.read_bytes()
    random = np.random.default_rng(7)
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        try:
            read(path)
        except FileError:
            refused += 1
    assert 10 < refused < 200


@pytest.mark.parametrize(
    ("name", "volt"), [("s1_T300_d500", 300), ("s2_J200_d150", 200), ("s3_null_noCrystal", 300)]
)
def test_the_shared_simulations(shared_data: Path, name: str, volt: int) -> None:
    start, images = read(shared_data / f"hrtem/simulated/{name}.npz")
    assert (images.shape, start.dtype) == ((1, 1024, 1024), "<u2")
    assert start.calibration["pixel_size_nm"] == [0.03, 0.03]
    assert start.calibration["voltage_kV"] == volt
