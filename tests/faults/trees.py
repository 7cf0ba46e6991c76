"""What strangers do to the fields of a JSON or CBOR message."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cbor2

DEPTHS = (65, 300, 900, 5000)
"""How deep a value may suddenly be; deeper than Python, and than some parsers, can follow."""
_DEEP = "@@DEEP%04d@@"
_FOUND = re.compile(rb'"?@@DEEP(\d{4})@@"?')

NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 2, 7, 255, 65535, 65536, 65537, 2**31 - 1, 2**31, 2**32 - 1, 2**32),
    *(2**40, 2**40 + 1, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**70, 10**30),
    *(-2, -(2**31), -(2**63), -(2**63) - 1, -(10**30)),
    *(0.0, -0.0, 1.0, 0.5, -1.5, 1e-320, 1e18, 1e30, 1e308, float("inf"), float("-inf")),
    float("nan"),
)
TEXTS = (
    *("", "0", "1", "-1", "true", "null", "NaN", "data", "x" * 61, "x" * 5000, "\0", "a\0b", "\n"),
    *("../../../../tmp/x", "/", ".", "a/b", "..", "%s%n", "${HOME}", "<script>", "\u202e", "😀"),
    *("\ud800", "é" * 300, "2026-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59", "0001-01-01"),
    *("<u2", "<U4", "<U99999999", "|S0", "|O", "O8", "<c16", ">f8", "<m8[ns]", "i4,i4", "(2,3)f4"),
    *("bslz4", "lz4", "lz4-hdf5", "raw", "bs16-lz4<", "bs64-lz4<", "<", "bszstd", "uint16"),
    *("float32", "uint32", "dheader-1.0", "dimage-1.0", "dseries_end-1.0", "dimage_d-1.0"),
    *("start", "image", "end", "frame", "result", "stop", "metadata", "beamside-1"),
)
TAGS = (
    *(0, 1, 2, 3, 4, 5, 16, 24, 25, 28, 29, 30, 35, 36, 37, 40, 64, 65, 69, 80, 84, 87, 100),
    *(256, 258, 260, 1004, 1040, 43000, 55799, 56500, 2**32, 2**63),
)


@dataclass(slots=True)
class Tagged:
    """A CBOR tag that can be changed."""

    tag: int
    value: Any


def thaw(value: Any) -> Any:
    """Copy with dicts, lists and `Tagged` only, so that everything can be changed."""
    if isinstance(value, cbor2.CBORTag | Tagged):
        return Tagged(value.tag, thaw(value.value))
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(item) for item in value]
    return value


def freeze(value: Any) -> Any:
    """The opposite of `thaw`, for cbor2."""
    if isinstance(value, Tagged):
        return cbor2.CBORTag(value.tag, freeze(value.value))
    if isinstance(value, dict):
        return {key: freeze(item) for key, item in value.items()}
    if isinstance(value, list):
        return [freeze(item) for item in value]
    return value


def as_json(tree: Any) -> bytes:
    """Write a tree as JSON, with NaN, endless digits and depths where the tree has them."""
    return _FOUND.sub(
        lambda found: b"[" * int(found[1]) + b"]" * int(found[1]), json.dumps(tree).encode()
    )


def as_cbor(tree: Any) -> bytes:
    """Write a tree as CBOR."""
    plain = cbor2.dumps(freeze(tree))
    for depth in DEPTHS:
        word = (_DEEP % depth).encode()
        plain = plain.replace(bytes([0x60 + len(word)]) + word, b"\x81" * depth + b"\x01")
    return plain


def nasty(rng: random.Random) -> Any:
    """A value that nobody expects."""
    kind = rng.randrange(10)
    if kind < 4:
        return rng.choice(NUMBERS)
    if kind < 7:
        return rng.choice(TEXTS)
    if kind == 7:
        return rng.choice((None, True, False, [], {}, [[]], [None], {"": 1}, [[[1]]], ["a", "b"]))
    if kind == 8:
        return _DEEP % rng.choice(DEPTHS)
    return rng.choice((_many, _wide, _keys))(rng)


def _many(rng: random.Random) -> Any:
    return [rng.choice((1, "a", None))] * rng.choice((3, 70, 1000, 25_000))


def _wide(rng: random.Random) -> Any:
    return [["x" * rng.choice((10, 3000))] + [""] * rng.choice((10, 3000))]


def _keys(rng: random.Random) -> Any:
    return {f"k{n}": n for n in range(rng.choice((3, 70, 1000)))}


# changes: each takes (parent, key, rng) of one node and changes it in place

Place = tuple[Any, Any]
Change = Callable[[Any, Any, random.Random], None]


def spoil(tree: Any, rng: random.Random, times: int = 1) -> Any:
    """Change `times` places of a tree, in place where it is a container; gives the tree."""
    root = [tree]
    for _ in range(times):
        places = _places(root)
        parent, key = rng.choice(places[1:] or places)
        if rng.random() < 0.04:
            parent, key = places[0]
        rng.choice(_CHANGES)(parent, key, rng)
        if not root:
            root = [None]
        if rng.random() < 0.1:
            _swap(rng.choice(_places(root)), rng.choice(_places(root)))
    return root[0]


def _places(root: Any) -> list[Place]:
    """Every node under `root`, as (parent, key); not within the many items of a spoilt list."""
    found: list[Place] = []
    waiting = [root]
    while waiting and len(found) < 2000:
        parent = waiting.pop(0)
        keys: Any = ["value"] if isinstance(parent, Tagged) else range(0)
        if isinstance(parent, dict):
            keys = list(parent)
        elif isinstance(parent, list):
            keys = range(min(len(parent), 12))
        for key in keys:
            found.append((parent, key))
            child = get(parent, key)
            if isinstance(child, dict | list | Tagged):
                waiting.append(child)
    return found


def get(parent: Any, key: Any) -> Any:
    """The node at a place."""
    return parent.value if isinstance(parent, Tagged) else parent[key]


def put(parent: Any, key: Any, value: Any) -> None:
    """Put a node at a place."""
    if isinstance(parent, Tagged):
        parent.value = value
    else:
        parent[key] = value


def _replace(parent: Any, key: Any, rng: random.Random) -> None:
    put(parent, key, nasty(rng))


def _nudge(parent: Any, key: Any, rng: random.Random) -> None:
    value = get(parent, key)
    if isinstance(value, Tagged):
        value.tag = rng.choice(TAGS)
    elif isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        _replace(parent, key, rng)
    else:
        changes = (value + 1, value - 1, -value, value * 2, value / 2, float(value), str(value))
        put(parent, key, rng.choice((*changes, bool(value), value + 2**16, value + 2**32)))


def _drop(parent: Any, key: Any, rng: random.Random) -> None:
    if isinstance(parent, Tagged):
        parent.value = None
    else:
        del parent[key]


def _add(parent: Any, key: Any, rng: random.Random) -> None:
    value = get(parent, key)
    if isinstance(value, dict):
        value[rng.choice(TEXTS)] = nasty(rng)
    elif isinstance(value, list):
        value.insert(rng.randrange(len(value) + 1), nasty(rng))
    else:
        _replace(parent, key, rng)


def _rename(parent: Any, key: Any, rng: random.Random) -> None:
    if isinstance(parent, dict):
        parent[rng.choice(TEXTS)] = parent.pop(key)
    else:
        _replace(parent, key, rng)


def _wrap(parent: Any, key: Any, rng: random.Random) -> None:
    value = get(parent, key)
    wraps = ([value], {"a": value}, [value, value], [[value]], str(value)[:200])
    put(parent, key, rng.choice(wraps))


def _unwrap(parent: Any, key: Any, rng: random.Random) -> None:
    value = get(parent, key)
    if isinstance(value, Tagged):
        put(parent, key, value.value)
    elif isinstance(value, dict | list) and value:
        put(parent, key, value[rng.choice(list(value) if isinstance(value, dict) else [0])])
    else:
        _replace(parent, key, rng)


def _turn(parent: Any, key: Any, rng: random.Random) -> None:
    value = get(parent, key)
    if isinstance(value, list):
        rng.shuffle(value)
    elif isinstance(value, bytes):
        put(parent, key, _cut(value, rng))
    else:
        _nudge(parent, key, rng)


def _cut(value: bytes, rng: random.Random) -> bytes:
    from .octets import spoil_payload

    return spoil_payload(value, rng)


def _swap(one: Place, other: Place) -> None:
    here, there = get(*one), get(*other)
    if isinstance(here, dict | list | Tagged) or isinstance(there, dict | list | Tagged):
        return  # a tree must stay a tree
    put(*one, there)
    put(*other, here)


_CHANGES: tuple[Change, ...] = (
    *(_replace, _replace, _replace, _nudge, _nudge, _nudge, _drop, _drop),
    *(_add, _rename, _wrap, _unwrap, _turn, _turn),
)
