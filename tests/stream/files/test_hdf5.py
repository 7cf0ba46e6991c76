"""HDF5 and NeXus."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import h5py
import hdf5plugin
import numpy as np
import pytest

from beamside.stream import decompress
from beamside.stream.errors import FileError
from beamside.stream.files import open_file
from beamside.stream.messages import RunStart

STACK = np.arange(4 * 48 * 40, dtype="<u2").reshape(4, 48, 40)
BSLZ4 = dict(hdf5plugin.Bitshuffle(cname="lz4"))


def read(path: Path | str, **options: Any) -> tuple[RunStart, np.ndarray, set[str]]:
    """The start, the images decoded, and how they were packed."""
    with open_file(Path(path), source="s", **options) as recording:
        pixels = [frame.channels["data"] for frame in recording.frames()]
    images = np.array([decompress.decode(image) for image in pixels])
    return recording.start, images, {image.encoding for image in pixels}


def nexus(path: Path, data: np.ndarray = STACK, unit: str = "nm", **options: Any) -> Path:
    """A NeXus file with a default plot whose axes y, x have steps of 0.02 and 0.03."""
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        group = file.create_group("entry/plot")
        file["entry"].attrs["default"] = "plot"
        group.attrs["signal"] = "counts"
        group.attrs["axes"] = [".", "y", "x"][-data.ndim :]
        group.create_dataset("counts", data=data, **options)
        for axis, step, length in zip("yx", (0.02, 0.03), data.shape[-2:], strict=True):
            group[axis] = (np.arange(length) + 0.5) * step
            group[axis].attrs["units"] = unit
        file["entry/other"] = np.zeros((5, 5))
    return path


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".nxs"])
def test_the_default_plot_is_found_with_its_axes(tmp_path: Path, suffix: str) -> None:
    start, images, _ = read(nexus(tmp_path / f"a{suffix}"))
    assert (start.expected, start.shape, start.dtype) == (4, (48, 40), "<u2")
    assert start.calibration["pixel_size_nm"] == pytest.approx([0.02, 0.03])
    assert "axes of /entry/plot" in start.calibration["origin"]
    assert np.array_equal(images, STACK)


def test_one_image_is_a_run_of_one(tmp_path: Path) -> None:
    start, images, _ = read(nexus(tmp_path / "a.h5", STACK[0]))
    assert start.expected == 1
    assert np.array_equal(images[0], STACK[0])
    assert start.calibration["pixel_size_nm"] == pytest.approx([0.02, 0.03])


def test_another_dataset_can_be_named(tmp_path: Path) -> None:
    path = nexus(tmp_path / "a.h5")
    start, images, _ = read(f"{path}::/entry/other")
    assert images.shape == (1, 5, 5)
    assert start.calibration == {}
    with pytest.raises(FileError, match=r"no dataset '/entry/none'; it has .*/entry/plot/counts"):
        read(f"{path}::/entry/none")
    with pytest.raises(FileError, match="no dataset '/entry/plot'"):
        read(f"{path}::/entry/plot")


def test_without_a_default_plot_the_only_stack_is_taken(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x/frames"] = STACK
        file["x/names"] = np.array([[b"a"]])
        file["x/line"] = np.arange(4)
    assert np.array_equal(read(tmp_path / "a.h5")[1], STACK)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["mask"] = STACK[0]
    with pytest.raises(FileError, match="/mask, /x/frames could be images; say which"):
        read(tmp_path / "a.h5")


def test_default_plots_that_lead_nowhere_or_in_a_circle_are_survived(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs["default"] = "../entry"
        entry.attrs["signal"] = "gone"
        entry["loop"] = h5py.SoftLink("/entry")
    with pytest.raises(FileError, match="no default plot"):
        read(tmp_path / "a.h5")


@pytest.mark.parametrize("unit", ["furlong", "", "1/nm"])
def test_axes_in_an_unknown_unit_are_refused_unless_the_user_gives_one(
    tmp_path: Path, unit: str
) -> None:
    path = nexus(tmp_path / "a.h5", unit=unit)
    with pytest.raises(FileError, match="--pixel-size"):
        read(path)
    assert read(path, pixel_size=0.1)[0].calibration["pixel_size_nm"] == [0.1, 0.1]


def test_axes_that_are_not_even_are_refused(tmp_path: Path) -> None:
    path = nexus(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file["entry/plot/y"][7] = 5
    with pytest.raises(FileError, match="nan"):
        read(path)


@pytest.mark.parametrize("kind", ["|u1", "<u2", "<u4", "<i4", "<f4", "<f8"])
def test_packed_frames_travel_as_the_bytes_that_are_stored(tmp_path: Path, kind: str) -> None:
    stack = STACK.astype(kind)
    path = nexus(tmp_path / "a.h5", stack, chunks=(1, 48, 40), **BSLZ4)
    start, images, packed = read(path)
    assert packed == {"bslz4"}
    assert start.dtype == kind
    assert np.array_equal(images, stack)
    with h5py.File(path) as file, open_file(path, source="s") as recording:
        _, stored = file["entry/plot/counts"].id.read_direct_chunk((2, 0, 0))
        assert recording.frame(2).channels["data"].data == stored


def test_one_packed_image_travels_as_it_is_stored(tmp_path: Path) -> None:
    _, images, packed = read(nexus(tmp_path / "a.h5", STACK[0], chunks=(48, 40), **BSLZ4))
    assert packed == {"bslz4"}
    assert np.array_equal(images[0], STACK[0])


def test_a_frame_stored_unpacked_among_packed_ones_travels_raw(tmp_path: Path) -> None:
    path = nexus(tmp_path / "a.h5", chunks=(1, 48, 40), **BSLZ4)
    with h5py.File(path, "a") as file:
        counts = file["entry/plot/counts"].id
        counts.write_direct_chunk((1, 0, 0), STACK[1].tobytes(), filter_mask=1)
    _, images, packed = read(path)
    assert packed == {"bslz4", "raw"}
    assert np.array_equal(images, STACK)


def test_a_frame_never_written_is_what_hdf5_says_it_is(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", (3, 48, 40), "u2", chunks=(1, 48, 40), fillvalue=7, **BSLZ4)
        file["a"][1] = STACK[1]
    _, images, packed = read(tmp_path / "a.h5")
    assert packed == {"bslz4", "raw"}
    assert np.array_equal(images[1], STACK[1])
    assert (images[[0, 2]] == 7).all()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (1, 48, 40), "compression": "gzip", "shuffle": True},
        {"chunks": (2, 16, 16), **BSLZ4},
        {"chunks": (4, 48, 40), **BSLZ4},
        {"chunks": (1, 48, 40), **hdf5plugin.Bitshuffle(cname="zstd")},
        {"chunks": (1, 48, 40), **hdf5plugin.Bitshuffle(cname="none")},
        {"chunks": (1, 48, 40), **hdf5plugin.LZ4()},
    ],
    ids=["none", "gzip", "tiles", "many", "zstd", "bitshuffle", "lz4"],
)
@pytest.mark.parametrize("kind", ["<u2", ">u2"])
def test_other_ways_to_store_come_decoded(
    tmp_path: Path, options: dict[str, Any], kind: str
) -> None:
    _, images, packed = read(nexus(tmp_path / "a.h5", STACK.astype(kind), **options))
    assert packed == {"raw"}
    assert np.array_equal(images, STACK)


@pytest.mark.parametrize("compressor", ["lz4", "zstd"])
@pytest.mark.parametrize("keep", [0.5, 0.01])
def test_a_chunk_cut_short_is_refused_before_hdf5_decodes_it(
    tmp_path: Path, compressor: Literal["lz4", "zstd"], keep: float
) -> None:
    """Its filter would read past the end of the bytes, and kill the process."""
    options = dict(hdf5plugin.Bitshuffle(cname=compressor))
    path = nexus(tmp_path / "a.h5", chunks=(2, 48, 40), **options)
    with h5py.File(path, "a") as file:
        counts = file["entry/plot/counts"].id
        _, whole = counts.read_direct_chunk((2, 0, 0))
        counts.write_direct_chunk((2, 0, 0), whole[: int(len(whole) * keep)])
    with open_file(path, source="s") as recording:
        assert np.array_equal(decompress.decode(recording.frame(1).channels["data"]), STACK[1])
        with pytest.raises(FileError, match=r"chunk at \(2, 0, 0\) of .* is damaged"):
            recording.frame(2).channels["data"]


def test_pixels_in_any_other_file_of_this_machine_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(48 * 40))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        outside = [(str(tmp_path / "secret"), 0, 48 * 40)]
        file.create_dataset("a", (48, 40), "u1", external=outside)
    with pytest.raises(FileError, match="raw bytes"):
        read(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (np.zeros((2, 2, 2, 2)), "4 dimensions"),
        (np.zeros(5), "1 dimensions"),
        (np.zeros((0, 4, 4)), "no image"),
        (np.zeros((3, 0, 4)), "can't be"),
        (np.zeros((3, 4), "c8"), "can't travel"),
        (np.zeros((3, 4), "?"), "can't travel"),
        (np.array([[b"text"]]), "can't travel"),
    ],
)
def test_what_is_no_stack_of_real_images_is_refused(
    tmp_path: Path, data: np.ndarray, says: str
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = data
    with pytest.raises(FileError, match=says):
        read(f"{tmp_path / 'a.h5'}::a")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = nexus(tmp_path / "a.h5", chunks=(1, 48, 40), **BSLZ4)
    whole = path.read_bytes()
    for length in range(1, len(whole), 499):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match=r"a\.h5"):
            read(path)


# a master over segments


def master(folder: Path, *, lengths: tuple[int, ...] = (2, 1, 1), skip: int = 0) -> Path:
    """STACK in segments, frame by frame packed, under a virtual dataset."""
    layout = h5py.VirtualLayout((sum(lengths), 48, 40), "<u2")
    first = 0
    for number, length in enumerate(lengths):
        frames = np.concatenate([np.zeros((skip, 48, 40), "u2"), STACK[first : first + length]])
        with h5py.File(folder / f"part{number}.h5", "w") as file:
            file.create_dataset("d", data=frames, chunks=(1, 48, 40), **BSLZ4)
        source = h5py.VirtualSource(f"part{number}.h5", "d", frames.shape, "<u2")
        layout[first : first + length] = source[skip:] if skip else source
        first += length
    with h5py.File(folder / "master.h5", "w") as file:
        file.create_virtual_dataset("all", layout)
    return folder / "master.h5"


@pytest.mark.parametrize("skip", [0, 3])
def test_a_master_gives_the_bytes_that_its_segments_hold(tmp_path: Path, skip: int) -> None:
    start, images, packed = read(master(tmp_path, skip=skip))
    assert (start.expected, packed) == (4, {"bslz4"})
    assert np.array_equal(images, STACK)


def test_a_missing_segment_is_refused_and_never_read_as_zeros(tmp_path: Path) -> None:
    path = master(tmp_path)
    (tmp_path / "part1.h5").unlink()
    with pytest.raises(FileError, match=r"part1\.h5 is missing"):
        read(path)


def test_a_segment_that_is_too_short_is_refused(tmp_path: Path) -> None:
    path = master(tmp_path)
    with h5py.File(tmp_path / "part0.h5", "w") as file:
        file.create_dataset("d", data=STACK[:1])
    with pytest.raises(FileError, match="not made of whole frames"):
        read(path)


def test_frames_that_are_cut_up_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "left.h5", "w") as file:
        file["d"] = STACK[:, :, :20]
    layout = h5py.VirtualLayout((4, 48, 40), "<u2")
    for side in range(2):
        layout[:, :, 20 * side : 20 * side + 20] = h5py.VirtualSource("left.h5", "d", (4, 48, 20))
    with h5py.File(tmp_path / "master.h5", "w") as file:
        file.create_virtual_dataset("all", layout)
    with pytest.raises(FileError, match="not made of whole frames"):
        read(tmp_path / "master.h5")


def test_a_master_with_a_hole_says_so_at_the_hole(tmp_path: Path) -> None:
    path = master(tmp_path)
    layout = h5py.VirtualLayout((3, 48, 40), "<u2")
    layout[0:2] = h5py.VirtualSource("part0.h5", "d", (2, 48, 40))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("all", layout)
    with open_file(path, source="s") as recording:
        assert len([recording.frame(number).channels["data"] for number in (0, 1)]) == 2
        with pytest.raises(FileError, match="no segment holds image 2"):
            recording.frame(2).channels["data"]
