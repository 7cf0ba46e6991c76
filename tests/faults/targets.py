"""Fuzz targets: one for each decoder, from flat bytes to the last thing that is done with them.

A target takes any bytes and must give back: what the decoder refuses with a `WireError` (or a
file reader with a `FileError`) is well; any other exception is a defect. What a decoder lets pass
must be good for all that follows: its pixels unpack, it can travel on our own bus and back, and the
next good message still decodes.

    hypothesis     tests/faults/test_hostile.py
    atheris        pip install atheris; python -m beamside.tests.faults.targets dectris [FOLDER ...]
                   (options of libFuzzer are passed on, e.g. -max_total_time=600)
"""

from __future__ import annotations

import ctypes
import mmap
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from beamside.stream import decompress, wire
from beamside.stream.errors import FileError, WireError
from beamside.stream.ledger import Ledger
from beamside.stream.messages import (
    DTYPES,
    ENCODINGS,
    Frame,
    Pixels,
    Refusal,
    Result,
    RunStart,
    RunStop,
)
from beamside.stream.reception import Reception

from . import mutate, seeds, spools

Target = Callable[[bytes], Counter[str]]
"""Takes any bytes; gives how often each reason was told, and `accepted` for what was let pass."""

REASONS = frozenset(
    (
        *("empty", "bad_parts", "bad_json", "bad_cbor", "bad_head", "bad_header", "stray_part"),
        *("unknown_htype", "unknown_type", "unknown_kind", "unknown_format"),
        *("unsupported_dialect", "unsupported_encoding", "bad_shape", "bad_dtype", "bad_encoding"),
        *("too_large", "truncated", "bad_size", "bad_blocks", "bad_checksum", "bad_blob"),
    )
)
"""All words that may stand in the counters; another one is a defect."""
MAX_BYTES = 64 << 20
"""Of a decoded image: claims up to the limit of 1 GiB would measure the memory, not the decoder."""


def dectris(data: bytes) -> Counter[str]:
    """SIMPLON stream V1."""
    return _wire("dectris", data)


def stream2(data: bytes) -> Counter[str]:
    """SIMPLON stream2."""
    return _wire("stream2", data)


def beamside(data: bytes) -> Counter[str]:
    """Our own bus."""
    return _wire("beamside", data)


def pixels(data: bytes) -> Counter[str]:
    """A payload alone, before a page that kills whoever reads beyond its end."""
    told: Counter[str] = Counter()
    for parts in mutate.split(data):
        for part in parts:
            told[_one_image(part)] += 1
    return told


def spool(data: bytes) -> Counter[str]:
    """Logs of the spool, one for each part."""
    told: Counter[str] = Counter()
    for parts in mutate.split(data):
        for part in parts:
            told += spools.spool(part)
    assert set(told) - {"accepted", "unreadable_file"} <= REASONS | spools.REASONS, told
    return told


def file(suffix: str, data: bytes) -> Counter[str]:
    """A file of a kind; run it in a process that may be lost."""
    from beamside.stream.files import open_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"spoilt_1{suffix}")
        path.write_bytes(data)
        return read_file(path, open_file)


def read_file(path: Path, open_file: Any) -> Counter[str]:
    """Read all frames of a file, at most 100; FileError is well."""
    try:
        with open_file(path, source="x") as recording:
            _travels(recording.start)
            for number in range(min(recording.count, 100)):
                frame = recording.frame(number)
                _good(frame)
    except FileError:
        return Counter(unreadable_file=1)
    except WireError as error:  # the bytes of a chunk, which are checked when they are sent on
        return Counter([_known(error.reason)])
    return Counter(accepted=1)


def _wire(kind: str, data: bytes) -> Counter[str]:
    reception = Reception(kind, "x", verify=True)
    told: Counter[str] = Counter()
    for parts in mutate.split(data):
        for message in reception.decode(parts):
            told[_judged(message)] += 1
    _still_works(kind, reception)
    return told


def _judged(message: Any) -> str:
    Ledger("x").enter(message, 1)
    if isinstance(message, Refusal):
        return _known(message.reason)
    if isinstance(message, Frame):
        return _good(message)
    assert isinstance(message, RunStart | RunStop | Result), type(message)
    _travels(message)
    spools.stored_and_read(message)
    return "accepted"


def _good(frame: Frame) -> str:
    _travels(frame)
    spools.stored_and_read(frame)
    for one in frame.channels.values():
        checked = decompress.check(one)
        try:
            image = decompress.decode(checked, checked=True)
        except WireError as error:
            return _known(error.reason)
        assert image.shape == one.shape
        assert image.dtype.str == one.dtype
    return "accepted"


def _travels(message: Any) -> None:
    """What is let in is sent on, to processes that must be able to read it."""
    again = wire.decode([bytes(part) for part in wire.encode(message)])
    assert type(again) is type(message)
    assert (again.source, again.run) == (message.source, message.run)


def _still_works(kind: str, reception: Reception) -> None:
    start_parts, frame_parts = _good_pair(kind)
    reception.decode(start_parts)
    came = [message for message in reception.decode(frame_parts) if isinstance(message, Frame)]
    assert len(came) == 1, "the next good frame was lost"
    image = decompress.decode(came[0].channels["data"], checked=True)
    assert (image == seeds.picture(seed=1)).all(), "the next good frame is not what was sent"


@cache
def _good_pair(kind: str) -> tuple[Sequence[bytes], Sequence[bytes]]:
    if kind == "beamside":
        return tuple([bytes(p) for p in wire.encode(m)] for m in (seeds.start(), seeds.frame(1)))  # type: ignore[return-value]
    if kind == "stream2":
        from beamside.stream.stream2 import Encoder as Stream2

        encoder: Any = Stream2("bslz4")
    else:
        from beamside.stream.dectris import Encoder as Dectris

        encoder = Dectris("bslz4")
    [start_parts], [frame_parts] = (encoder.encode(m) for m in (seeds.start(), seeds.frame(1)))
    return [bytes(p) for p in start_parts], [bytes(p) for p in frame_parts]


def _known(reason: str) -> str:
    assert reason in REASONS, f"{reason!r} is no reason that anybody was told of"
    return reason


# pixels


def _one_image(part: bytes) -> str:
    if len(part) < seeds.PIXELS_HEAD.size:
        return "truncated"
    ny, nx, dtype, encoding = seeds.PIXELS_HEAD.unpack_from(part)
    claimed = Pixels(
        (ny, nx),
        DTYPES[dtype] if dtype < len(DTYPES) else "<c8",
        ENCODINGS[encoding] if encoding < len(ENCODINGS) else "zstd",
        _guarded(part[seeds.PIXELS_HEAD.size :]),
    )
    try:
        checked = decompress.check(claimed, MAX_BYTES)
        image = decompress.decode(checked, checked=True)
        into = np.zeros(checked.shape, checked.dtype)
        decompress.decode(checked, into, checked=True)
    except WireError as error:
        return _known(error.reason)
    assert image.shape == into.shape == (ny, nx)
    assert image.tobytes() == into.tobytes(), "two ways of unpacking give two images"
    return "accepted"


ARENA = 256 << 10


def _guarded(payload: bytes) -> memoryview:
    """The payload at the very end of readable memory: one byte further is a segmentation fault."""
    if len(payload) > ARENA:
        return memoryview(payload)
    arena = _arena()
    arena[ARENA - len(payload) : ARENA] = payload
    return memoryview(arena)[ARENA - len(payload) : ARENA].toreadonly()


@cache
def _arena() -> mmap.mmap:
    arena = mmap.mmap(-1, ARENA + mmap.PAGESIZE)
    libc = ctypes.CDLL(None, use_errno=True)
    at = ctypes.addressof(ctypes.c_char.from_buffer(arena)) + ARENA
    if libc.mprotect(ctypes.c_void_p(at), ctypes.c_size_t(mmap.PAGESIZE), 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    return arena


TARGETS: dict[str, Target] = {
    "dectris": dectris,
    "stream2": stream2,
    "beamside": beamside,
    "pixels": pixels,
    "spool": spool,
    **{suffix.removeprefix("."): partial(file, suffix) for suffix in seeds.SUFFIXES},
}


def main(arguments: Sequence[str]) -> int:
    """Drive one target by atheris: `targets NAME [libFuzzer's arguments]`."""
    if not arguments or arguments[0] not in TARGETS:
        print(f"which target? {' '.join(TARGETS)}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        atheris: Any = import_module("atheris")
    except ModuleNotFoundError:
        print("atheris is not installed: pip install atheris", file=sys.stderr)  # noqa: T201
        return 2
    for name in [name for name in sys.modules if name.startswith("beamside.")]:
        del sys.modules[name]  # imported again, so that its branches are watched
    with atheris.instrument_imports(include=["beamside.stream"]):
        target = import_module("beamside.tests.faults.targets").TARGETS[arguments[0]]
    atheris.Setup([sys.argv[0], *arguments[1:]], lambda data: bool(target(data)) and None)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
