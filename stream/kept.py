"""A message kept in a file of its own: whole, or not there at all, whatever dies meanwhile.

    the line beamside-kept-1, CRC-32 of all that follows, number of parts, their lengths, the parts

The parts are those of `wire.encode`. A file gets its name when all of it is on the disk.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from . import wire
from .errors import FileError, WireError
from .folders import sync_folder
from .messages import Message

MAGIC = b"beamside-kept-1\n"
_NUMBER = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")
PART = ".part"
"""How the name of a file ends that is being written."""


def keep(path: Path, message: Message) -> int:
    """Write `message` to `path`, in place of what is there; give its bytes.

    FileError if the disk refuses (full, read-only): then `path` is as before.
    """
    parts = wire.encode(message)
    lengths = b"".join(_LENGTH.pack(memoryview(part).nbytes) for part in parts)
    head = _NUMBER.pack(len(parts)) + lengths
    crc = zlib.crc32(head)
    for part in parts:
        crc = zlib.crc32(part, crc)
    aside = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        with aside.open("wb") as file:
            for piece in (MAGIC, _NUMBER.pack(crc), head, *parts):
                file.write(piece)
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        sync_folder(path.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise FileError(
            f"{path}: can't be written ({error.strerror}); make space there, or name another folder"
        ) from error
    return size


def kept(path: Path) -> Message:
    """Read what `keep` wrote, the arrays read-only; FileError if it is damaged or not there."""
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise FileError(f"{path}: can't be read ({error.strerror})") from error
    try:
        start = len(MAGIC)
        if bytes(data[:start]) != MAGIC:
            raise ValueError("it begins as no kept message does")
        if zlib.crc32(data[start + _NUMBER.size :]) != _NUMBER.unpack_from(data, start)[0]:
            raise ValueError("its checksum is wrong")
        return wire.decode(_parts(data, start + _NUMBER.size))
    except (ValueError, struct.error, WireError) as error:
        raise FileError(f"{path} is damaged: {error}") from error


def _parts(data: memoryview, at: int) -> list[memoryview]:
    (count,) = _NUMBER.unpack_from(data, at)
    at += _NUMBER.size
    lengths = [_LENGTH.unpack_from(data, at + n * _LENGTH.size)[0] for n in range(count)]
    at += count * _LENGTH.size
    parts = []
    for length in lengths:
        parts.append(data[at : at + length])
        at += length
    return parts
