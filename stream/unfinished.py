"""What a long work has done so far, in a folder: arrays by name, each whole or not there.

A work that is started again with the same question finds its answers; with another, or another
version of the format, the folder begins anew.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import FileError

FORMAT = "beamside-unfinished-2"
QUESTION = "question.json"


class Unfinished:
    """The folder of one work."""

    def __init__(self, folder: Path, question: Mapping[str, Any]) -> None:
        """Take up the work on `question` (JSON), or begin it; FileError if the disk refuses."""
        self.folder = folder
        asked = json.dumps({"format": FORMAT, **question}, sort_keys=True, indent=1)
        try:
            path = folder / QUESTION
            self.resumed = path.is_file() and path.read_text() == asked
            if not self.resumed:
                _ours(folder)
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                path.write_text(asked)
        except (OSError, UnicodeError) as error:
            raise FileError(f"{folder}: {error}") from error

    def has(self, name: str) -> bool:
        """Say whether the arrays called `name` are there."""
        return self._path(name).is_file()

    def put(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays under `name`."""
        aside = self.folder / f".{name}.{os.getpid()}.npz"
        try:
            with aside.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, self._path(name))
        except OSError as error:
            raise FileError(f"{self._path(name)}: can't be written: {error}") from error

    def get(self, name: str) -> dict[str, np.ndarray] | None:
        """Give the arrays called `name`; None if they are not there or damaged."""
        try:
            with np.load(self._path(name), allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            self._path(name).unlink(missing_ok=True)
            return None

    def mapped(self, name: str, shape: tuple[int, ...], kind: np.dtype[Any]) -> np.ndarray:
        """Give an array on the disk that is written as if it were in memory."""
        path = self.folder / f"{name}.npy"
        try:
            if path.is_file():
                there: np.ndarray = np.load(path, mmap_mode="r+", allow_pickle=False)
                if there.shape == shape and there.dtype == kind:
                    return there
            return np.lib.format.open_memmap(path, "w+", kind, shape)
        except (OSError, ValueError) as error:
            raise FileError(f"{path}: {error}") from error

    def done(self) -> None:
        """Throw everything away: the work is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"


def _ours(folder: Path) -> None:
    """Refuse to clear a folder that is not one of these."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / QUESTION).is_file():
        raise FileError(f"{folder} holds other things; name another --work folder")
