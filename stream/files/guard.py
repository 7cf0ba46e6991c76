"""Third-party readers kept on a lead: any failure is one FileError, and nothing is printed."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np

from ..errors import FileError

_QUIET = threading.RLock()
_TALKATIVE = logging.getLogger("tifffile")
"""Logs as an error what it then raises, or what it then repairs."""


@contextlib.contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into a FileError that names the file in a plain sentence."""
    try:
        yield
    except FileError:
        raise
    except FileNotFoundError as error:
        raise FileError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise FileError(f"{path} is a folder; name a file in it, or watch it (watch:)") from error
    except PermissionError as error:
        raise FileError(f"{path}: no permission to read it; ask its owner") from error
    except BlockingIOError as error:  # HDF5 locks what it writes
        raise FileError(f"{path} is being written; read it when it is finished") from error
    except MemoryError as error:
        raise FileError(f"{path}: an image in it does not fit into memory") from error
    except Exception as error:  # third-party readers raise all sorts
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        raise FileError(
            f"{path} can't be read as {kind}; it is damaged or not complete ({said})"
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Swallow what third-party code prints, logs or warns about inside.

    Python's stdout and warning filters belong to the whole process: so only around one call, one
    thread at a time, and what other threads print meanwhile passes through.
    """
    with (
        _QUIET,
        np.errstate(all="ignore"),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(cast(TextIO, _Muted(sys.stdout))),
    ):
        warnings.simplefilter("ignore")
        was, _TALKATIVE.disabled = _TALKATIVE.disabled, True
        try:
            yield
        finally:
            _TALKATIVE.disabled = was


class _Muted:
    """A stdout that is deaf to one thread."""

    def __init__(self, real: TextIO) -> None:
        self._real = real
        self._thread = threading.get_ident()

    def write(self, text: str) -> int:
        if threading.get_ident() == self._thread:
            return len(text)
        return self._real.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
