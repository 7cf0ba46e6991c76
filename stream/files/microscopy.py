"""The one door to ncempy, which is optional."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import FileError
from .guard import quiet


def ncempy_io(path: Path) -> Any:
    """Import ncempy.io; FileError says what to install to read `path` where it is missing."""
    try:
        with quiet():
            import ncempy.io
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ncempy":
            raise
        raise FileError(
            f"{path}: to read it ncempy is needed; pip install 'beamside[microscopy]'"
        ) from error
    return ncempy.io
