"""The form of an analysis: its dataclass as a JSON schema, with the words under the fields."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import re
import textwrap
import types
import typing
from collections.abc import Mapping
from typing import Any

UNIT = re.compile(
    r"[,(] ?(?:in )?(1/nm|nm\^2|nm|um|pm|K|kV|keV|eV|rad|mrad|deg|counts|px|s|ms|%)\b"
)
"""How the help of a field names its unit: `from here, 1/nm`, `in counts`."""
PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string"}


def schema(operator: Any) -> dict[str, Any]:
    """Draw the settings of an operator, an instance of its dataclass, as a JSON schema."""
    kind = type(operator)
    if not dataclasses.is_dataclass(kind):
        return {"type": "object", "title": kind.__name__, "description": "", "properties": {}}
    help_of, hints = docstrings(kind), typing.get_type_hints(kind)
    properties = {}
    for field in dataclasses.fields(kind):
        if not field.metadata.get("given"):
            words = help_of.get(field.name, "")
            said = {**of_type(hints.get(field.name, Any)), "description": words}
            said["units"] = unit(words)
            said["default"] = default(field)
            if field.name == "candidates":
                said["choices"] = phases(operator)
            properties[field.name] = said
    doc = inspect.cleandoc(kind.__doc__ or "")
    return {
        **{"type": "object", "title": kind.__name__, "description": doc.partition("\n\n")[0]},
        "properties": properties,
    }


def of_type(hint: Any) -> dict[str, Any]:
    """A type as JSON schema; what has no simple form is whatever JSON there is."""
    if hint in PLAIN:
        return {"type": PLAIN[hint], "nullable": False}
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return {"type": "string", "enum": list(inside), "nullable": False}
    if origin in (typing.Union, types.UnionType):
        kinds = [of_type(one) for one in inside if one is not type(None)]
        nullable = type(None) in inside
        if len(kinds) == 1:
            return {**kinds[0], "nullable": nullable}
        return {"type": [k["type"] for k in kinds], "anyOf": kinds, "nullable": nullable}
    if origin in (tuple, list):
        items = of_type(inside[0]) if inside else {}
        said = {"type": "array", "items": items, "nullable": False}
        if origin is tuple and inside and inside[-1] is not Ellipsis:
            said |= {"minItems": len(inside), "maxItems": len(inside)}
        return said
    return {"type": "object", "nullable": False}


def docstrings(kind: type) -> dict[str, str]:
    """The words under each field, read from the source; none where there is no source."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
        except (OSError, TypeError, SyntaxError):
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for field, words in itertools.pairwise(body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(words, ast.Expr)
                and isinstance(words.value, ast.Constant)
                and isinstance(words.value.value, str)
            ):
                found[field.target.id] = " ".join(words.value.value.split())
    return found


def unit(words: str) -> str:
    """The unit that the help names, empty if it names none."""
    said = UNIT.search(words)
    return said[1] if said else ""


def default(field: dataclasses.Field[Any]) -> Any:
    """What holds when nothing is set."""
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None


def values(operator: Any) -> dict[str, Any]:
    """The settings of an operator as they are now."""
    if not dataclasses.is_dataclass(operator):
        return {}
    fields = [f for f in dataclasses.fields(operator) if not f.metadata.get("given")]
    return {field.name: getattr(operator, field.name) for field in fields}


def phases(operator: Any) -> list[dict[str, str]]:
    """What an analysis with a library of phases may choose from: sets first, then phases."""
    library = getattr(operator, "library", None)
    found = []
    for kind in ("sets", "records"):
        names = getattr(library, kind, None) or ()
        found += [{"value": str(name), "title": str(name), "kind": kind[:-1]} for name in names]
    return found


def taken(asked: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values as the dataclass takes them; ValueError in words where the type is another."""
    found = {}
    for name, value in asked.items():
        known = properties.get(name)
        if known is None:
            allowed = ", ".join(properties) or "none"
            raise ValueError(f"there is no setting {name[:60]!r}; allowed: {allowed}")
        if not fits(value, known):
            kinds = known["type"]
            words = kinds if isinstance(kinds, str) else " or ".join(kinds)
            raise ValueError(f"{name} is of the type {words}, not {value!r:.60}")
        found[name] = value
    return found


def fits(value: Any, known: Mapping[str, Any]) -> bool:
    """Whether a JSON value is of a type of the schema."""
    if value is None:
        return bool(known.get("nullable"))
    if "anyOf" in known:
        return any(fits(value, one) for one in known["anyOf"])
    if "enum" in known:
        return value in known["enum"]
    kind = known.get("type")
    if kind == "array":
        most = known.get("maxItems", 1000)
        right = isinstance(value, list) and known.get("minItems", 0) <= len(value) <= most
        return right and all(fits(item, known.get("items", {})) for item in value)
    if kind in ("integer", "number"):
        whole = type(value) is int
        return whole or (kind == "number" and type(value) is float)
    wanted = {"boolean": bool, "string": str, "object": dict}.get(str(kind))
    return wanted is None or isinstance(value, wanted)
