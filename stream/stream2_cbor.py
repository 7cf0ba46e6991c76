"""CBOR of strangers: one message read, and made plain enough to be written again as JSON.

Needs cbor2 6 where strangers can reach the socket: 5.9 was seen to corrupt its memory on a text
that is shorter than it says (the corpus of the tests aborts it).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import cbor2

from .errors import WireError
from .messages import Buffer
from .quote import short

SELF_DESCRIBED = 55799
MAX_DEPTH = 64
MAX_VALUES = 20_000
"""Values of one message that are kept as metadata; Jungfraujoch sends lists of spots."""


def load(part: Buffer) -> Mapping[Any, Any]:
    """The CBOR map in one part; WireError if there is none.

    Array tags come back as `cbor2.CBORTag`: without a tag hook nothing is unpacked on the way, and
    the hook's signature, which changed between cbor2 5 and 6, does not matter.
    """
    try:
        said = cbor2.loads(bytes(part))
    except Exception as error:  # tags decode dates, fractions, patterns: each fails in its own way
        raise WireError("bad_cbor", f"{type(error).__name__}: {str(error)[:200]}") from None
    if isinstance(said, cbor2.CBORTag) and said.tag == SELF_DESCRIBED:
        said = said.value
    if not isinstance(said, Mapping):
        raise WireError("bad_cbor", f"a map is expected, not {short(said)}")
    return said


MAX_TEXT = 1 << 20


class _TooMuchError(Exception):
    """A value is deeper or longer than metadata may be."""


class Plain:
    """Makes values plain, and keeps count: one for each message.

    Dates become ISO text; bytes, tagged arrays, numbers that JSON can't say and other exotic
    values are left out. What was left out because it is too much is named in `notes`.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._left = MAX_VALUES

    def mapping(self, said: Mapping[Any, Any], without: tuple[str, ...] = ()) -> dict[str, Any]:
        """The plain part of a map, without the keys `without`."""
        plain: dict[str, Any] = {}
        for key, value in said.items():
            if not isinstance(key, str) or key in without:
                continue
            left = self._left
            try:
                plain_value = self._value(value, MAX_DEPTH)
            except _TooMuchError:
                self.notes.append(f"{key[:60]} left out: too long or too deep")
                self._left = left - MAX_VALUES // 16  # so much a failure costs, not all
                if self._left < 0:
                    self.notes.append("and all keys after it")
                    break
                continue
            if plain_value is not _NOTHING:
                plain[key] = plain_value
        return plain

    def _value(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth == 0:
            raise _TooMuchError
        kind = type(value)
        if kind is str:
            if len(value) > MAX_TEXT:
                raise _TooMuchError
            return value
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 64 else _NOTHING
        if kind is float:
            return value if math.isfinite(value) else _NOTHING
        if kind is bool or value is None:
            return value
        if kind is list or kind is tuple:
            items = [self._value(item, depth - 1) for item in value]
            return [None if item is _NOTHING else item for item in items]
        if isinstance(value, date):  # and datetime
            return value.isoformat()
        if isinstance(value, Mapping):
            pairs = ((k, self._value(v, depth - 1)) for k, v in value.items())
            return {str(k): v for k, v in pairs if v is not _NOTHING and _is_key(k)}
        return _NOTHING


_NOTHING = object()


def _is_key(key: Any) -> bool:
    return isinstance(key, str) or (isinstance(key, int) and key.bit_length() <= 64)
