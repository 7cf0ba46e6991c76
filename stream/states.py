"""Arrays that outlive their process: one file, put in place whole, read with suspicion."""

from __future__ import annotations

import contextlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from .errors import FileError

ABOUT = "about.json"
KINDS = "biufcSU"
"""numpy's kinds of values that are kept: numbers and texts, never objects."""
DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy raises of a file that is cut, changed, or something else."""


def write_state(path: Path, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Replace `path` by these arrays and what is said of them, at once; OSError.

    TypeError if an array holds anything but numbers and texts. It is not forced to the disk: after
    a power cut the file may be damaged, and is then refused.
    """
    for name, array in arrays.items():
        if np.asarray(array).dtype.kind not in KINDS:
            raise TypeError(f"{name!r} is of {np.asarray(array).dtype}; allowed: numbers, texts")
    said = np.frombuffer(orjson.dumps(dict(about)), np.uint8)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez(file, **{ABOUT: said, **{f"={name}": array for name, array in arrays.items()}})  # type: ignore[arg-type]
    os.replace(part, path)


def read_state(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Give what `write_state` wrote; FileError if it is not there, damaged, or something else."""
    with _opened(path) as file:
        about = _about(path, file)
        return about, {name[1:]: file[name] for name in file.files if name.startswith("=")}


def read_about(path: Path) -> dict[str, Any]:
    """Give only what is said of the arrays; FileError as `read_state`."""
    with _opened(path) as file:
        return _about(path, file)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            yield file
    except FileNotFoundError as error:
        raise FileError(f"there is no {path}") from error
    except DAMAGE as error:
        raise FileError(f"{path} is no saved state: {error}") from error


def _about(path: Path, file: Any) -> dict[str, Any]:
    about = orjson.loads(file[ABOUT].tobytes())
    if not isinstance(about, dict):
        raise FileError(f"{path} is no saved state: it does not say of what")
    return about
