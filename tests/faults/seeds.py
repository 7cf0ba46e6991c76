"""Good conversations of every wire, and good little files, for `mutate` to spoil."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cbor2
import numpy as np

from beamside.stream import decompress, dectris_encoder, stream2_encoder, wire
from beamside.stream.messages import DTYPES, ENCODINGS, Frame, Message, Result, RunStart, RunStop

SERIES = 666
"""The series that hostile messages belong to before they are spoilt."""
SHAPE = (36, 52)
WIRES = ("dectris", "stream2", "beamside", "pixels", "spool")
"""What mutants are made for; `pixels` are payloads without a wire, `spool` logs of the spool."""

Multipart = Sequence[bytes]
Conversation = tuple[tuple[bytes, ...], ...]
"""Multiparts as they come, one after the other."""


def picture(dtype: str = "<u2", seed: int = 0, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """A little image, the same for the same seed."""
    return np.random.default_rng(seed).poisson(3.0, shape).astype(dtype)


@cache
def conversations(kind: str) -> tuple[Conversation, ...]:
    """Give the good conversations of one of WIRES."""
    return _MAKERS[kind]()


def start(**changes: Any) -> RunStart:
    """A start that says much: arrays, appendix, calibration."""
    flat = np.ones(SHAPE, "<f4")
    said: dict[str, Any] = {
        "source": "x",
        "run": str(SERIES),
        "expected": 4,
        "shape": SHAPE,
        "dtype": "<u2",
        "calibration": {"pixel_size_nm": [0.1, 0.2], "voltage_kV": 300.0, "origin": "told"},
        "metadata": {"frame_time": 0.1, "description": "a detector", "nimages": 4, "ntrigger": 1},
        "arrays": {"flatfield": flat, "pixel_mask": np.zeros(SHAPE, "<u4")},
        "time_ns": 1_790_000_000_000_000_000,
    }
    return RunStart(**said | changes)


def frame(number: int, encoding: str = "bslz4", dtype: str = "<u2", **changes: Any) -> Frame:
    """A frame of one image."""
    packed = decompress.encode(picture(dtype, number), encoding)
    said: dict[str, Any] = {
        "source": "x",
        "run": str(SERIES),
        "number": number,
        "channels": {"data": packed},
        "metadata": {"appendix": {"motor": 1.5}, "start_time": 0, "stop_time": 5, "real_time": 5},
        "detector_ns": 1_790_000_000_000_000_005,
    }
    return Frame(**said | changes)


def result() -> Result:
    """A result with numbers, words, coordinates and an empty table."""
    import xarray as xr

    data = xr.Dataset(
        {
            "power": (("frame", "k"), np.ones((2, 5), "<f4"), {"units": "1/nm"}),
            "phase": (("frame",), np.array(["Ni", "NiO"]), {"long_name": "phase"}),
            "spots": (("spot", "xy"), np.zeros((0, 2)), {}),
        },
        coords={"k": (("k",), np.arange(5.0), {"units": "1/nm"}), "frame": [0, 1]},
        attrs={"title": "a result"},
    )
    told = {"version": "1", "settings": {"tile": 64}}
    return Result("x", str(SERIES), (0, 1), "hrtem", data, told, None, 1, 2, 3, 0.5)


def _dectris() -> tuple[Conversation, ...]:
    told: list[list[list[Any]]] = []
    for encoding, detail, split in (
        ("bslz4", "basic", False),
        ("lz4", "all", False),
        ("raw", "none", False),
        ("bslz4", "basic", True),
    ):
        encoder = dectris_encoder.Encoder(encoding, header_detail=detail, split_header=split)
        dtype = {"lz4": "<u4", "raw": "|u1"}.get(encoding, "<u2")
        told.append(_say(encoder, [start(), frame(0, dtype=dtype), frame(1), _stop()]))
    return _plain(told)


def _stream2() -> tuple[Conversation, ...]:
    told: list[list[list[Any]]] = []
    for encoding in stream2_encoder.WIRE_ENCODINGS:
        said: list[Any] = [start(), frame(0), frame(1, dtype="<u4"), _stop()]
        told.append(_say(stream2_encoder.Encoder(encoding), said))
    names = ("low", "high")
    two = {name: decompress.encode(picture(seed=n)) for n, name in enumerate(names)}
    encoder = stream2_encoder.Encoder()
    began, image = _say(encoder, [start(channels=names), frame(0, channels=two)])
    told.append([[began[0], image[0]]])  # two messages in one multipart, as some senders do
    array = cbor2.CBORTag(1040, [list(SHAPE), cbor2.CBORTag(65, picture(">u2").tobytes())])
    extra = {"spots": [1.5, 2.5] * 9, "indexing_result": True, "roi_integrals": {"a": {"sum": 1}}}
    said_image = {"type": "image", "series_id": SERIES, "image_id": 3, "data": {"t": array}}
    told.append([[cbor2.dumps({**said_image, **extra})]])
    return _plain(told)


def _beamside() -> tuple[Conversation, ...]:
    messages: list[Message] = [start(), result(), _stop()]
    messages += [frame(n, encoding) for n, encoding in enumerate(ENCODINGS)]
    two = {name: decompress.encode(picture(seed=n)) for n, name in enumerate(("low", "high"))}
    messages.append(frame(9, channels=two))
    return _plain([[wire.encode(message)] for message in messages])


def _pixels() -> tuple[Conversation, ...]:
    told = []
    for encoding in ENCODINGS:
        for dtype in ("|u1", "<u2", "<u4", "<f8"):
            for shape in (SHAPE, (1, 1), (3, 5), (128, 80)):
                packed = decompress.encode(picture(dtype, 1, shape), encoding)
                told.append([[pixels_head(shape, dtype, encoding) + bytes(packed.data)]])
    return _plain(told)


PIXELS_HEAD = struct.Struct("<IIBB")


def pixels_head(shape: tuple[int, int], dtype: str, encoding: str) -> bytes:
    """What stands before a payload for the target `pixels`: ny, nx, and places in two lists."""
    return PIXELS_HEAD.pack(*shape, DTYPES.index(dtype), ENCODINGS.index(encoding))


def _stop() -> RunStop:
    return RunStop("x", str(SERIES), account={"expected": 4, "missing_ranges": [[1, 2]]}, time_ns=9)


def _say(encoder: Any, messages: Sequence[Any]) -> list[list[Any]]:
    return [parts for message in messages for parts in encoder.encode(message)]


def _plain(told: Sequence[Sequence[Sequence[Any]]]) -> tuple[Conversation, ...]:
    return tuple(tuple(tuple(bytes(p) for p in parts) for parts in talk) for talk in told)


_MAKERS: dict[str, Callable[[], tuple[Conversation, ...]]] = {
    "dectris": _dectris,
    "stream2": _stream2,
    "beamside": _beamside,
    "pixels": _pixels,
}


# files: the tests of the readers know how to write them

SUFFIXES = (".dm3", ".dm4", ".ser", ".emd", ".mrc", ".tif", ".npz", ".npy", ".h5", ".nxs", ".png")
"""The kinds of files that `mutate` spoils."""


def write_file(suffix: str, folder: Path, seed: int = 0) -> Path:
    """Write a good little file of a kind into `folder`; the `seed` chooses among its variants."""
    stack = np.stack([picture(seed=n, shape=(24, 40)) for n in range(3)])
    path = folder / f"good_1{suffix}"
    _WRITERS[suffix](path, stack, seed)
    return path


def _dm(path: Path, stack: np.ndarray, seed: int) -> None:
    from ..stream.files import test_dm

    data = stack[0] if seed % 2 else stack
    axes = data.ndim
    test_dm.write(path, test_dm.picture(data, (0.02,) * axes, ("nm",) * axes))


def _ser(path: Path, stack: np.ndarray, seed: int) -> None:
    from ..stream.files import test_ser

    test_ser.write(path, stack, version=0x0210 if seed % 2 else 0x0220)


def _emd(path: Path, stack: np.ndarray, seed: int) -> None:
    from ..stream.files import test_emd

    (test_emd.velox(path, "a", data=stack) if seed % 2 else test_emd.berkeley(path, data=stack))


def _mrc(path: Path, stack: np.ndarray, seed: int) -> None:
    from ..stream.files import test_mrc

    test_mrc.write(path, stack if seed % 2 else stack.astype("<f4"))


def _tif(path: Path, stack: np.ndarray, seed: int) -> None:
    import tifffile

    variants: tuple[dict[str, Any], ...] = (
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "TYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}},
        {"bigtiff": True, "compression": "zlib"},
        {"tile": (16, 16)},
    )
    tifffile.imwrite(path, stack, **variants[seed % len(variants)])


def _npz(path: Path, stack: np.ndarray, seed: int) -> None:
    meta = '{"px_nm_header": 0.02, "condition": {"E": 300000.0}}'
    (np.savez_compressed if seed % 2 else np.savez)(path, images=stack, meta=np.array(meta))


def _npy(path: Path, stack: np.ndarray, seed: int) -> None:
    np.save(path, stack if seed % 2 else stack[0])


def _h5(path: Path, stack: np.ndarray, seed: int) -> None:
    import hdf5plugin

    from ..stream.files import test_hdf5

    packings: tuple[dict[str, Any], ...] = (
        {"chunks": (1, 24, 40), **hdf5plugin.Bitshuffle(cname="lz4")},
        {"chunks": (2, 24, 40), **hdf5plugin.Bitshuffle(cname="lz4")},
        {"chunks": (1, 24, 40), "compression": "gzip", "shuffle": True},
        {},
    )
    test_hdf5.nexus(path, stack, **packings[seed % len(packings)])


def _nxs(path: Path, stack: np.ndarray, seed: int) -> None:
    from ..stream.files import test_archive

    encoding = ("bslz4", "raw")[seed % 2]
    written = test_archive.archived(path.parent, [0, 1, 3], encoding)
    if written != path:
        written.replace(path)


def _png(path: Path, stack: np.ndarray, seed: int) -> None:
    from PIL import Image

    Image.fromarray(stack[0] if seed % 2 else stack[0].astype("u1")).save(path)


_WRITERS: dict[str, Callable[[Path, np.ndarray, int], None]] = {
    ".dm3": _dm,
    ".dm4": _dm,
    ".ser": _ser,
    ".emd": _emd,
    ".mrc": _mrc,
    ".tif": _tif,
    ".npz": _npz,
    ".npy": _npy,
    ".h5": _h5,
    ".nxs": _nxs,
    ".png": _png,
}
