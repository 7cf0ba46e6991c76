"""What JSON can't say itself, as something that it can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Give maps as dicts, numpy's values as Python's, bytes as UTF-8, and all else as text.

    It is the `default` of `orjson.dumps` and `json.dumps`.
    """
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return str(value)
