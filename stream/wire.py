"""Our own bus: a message is one JSON head and raw buffers, in one multipart, without a copy.

    part 0    head: kind, the fields, and for each array its dtype, shape and place
    part 1..  the buffers the head speaks of, in order

The head is plain JSON and the buffers are plain memory, so that a reader in any language needs
nothing of ours; nothing that is received is ever executed. What `decode` lets pass can be encoded
again. Reasons of the `WireError`s: empty, bad_json, unknown_format, unknown_kind, bad_head,
bad_shape, bad_dtype, bad_size, too_large.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from . import wire_fields as fields
from .dectris_header import MAX_DEPTH, deeper
from .errors import WireError
from .labels import Labels, Variable
from .messages import DTYPES, Buffer, Frame, Json, Message, Pixels, Result, RunStart, RunStop
from .plain import plain
from .quote import short

FORMAT = "beamside-1"


def encode(message: Message) -> list[Buffer]:
    """Give the parts of `message`: the head, then its buffers as they lie in memory."""
    buffers: list[Buffer] = []
    kind, pack, _ = _CODECS_BY_TYPE[type(message)]
    head = {"format": FORMAT, "kind": kind, **pack(message, buffers)}
    return [orjson.dumps(head, default=plain, option=orjson.OPT_SERIALIZE_NUMPY), *buffers]


def decode(parts: Sequence[Buffer]) -> Message:
    """Read a message from its parts, the arrays as views of them; WireError if it isn't one."""
    head = read_head(parts)
    codec = _CODECS_BY_KIND.get(str(head.get("kind")))
    if codec is None:
        raise WireError("unknown_kind", f"{str(head.get('kind'))[:40]!r} is no message of ours")
    try:
        return codec(head, parts[1:])
    except WireError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise WireError("bad_head", f"{head['kind']}: {error!r}"[:200]) from error


def read_head(parts: Sequence[Buffer]) -> dict[str, Any]:
    """Read only the head; WireError unless it is one of ours."""
    if not parts:
        raise WireError("empty", "a message without parts")
    try:
        head = orjson.loads(parts[0])
    except orjson.JSONDecodeError as error:
        raise WireError("bad_json", str(error)[:200]) from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise WireError("unknown_format", f"the head does not say format {FORMAT!r}")
    if _opened(parts[0]) > MAX_DEPTH and deeper(head, MAX_DEPTH):  # it could not be written again
        raise WireError("bad_head", f"nested deeper than {MAX_DEPTH}")
    return head


def _opened(text: Buffer) -> int:
    """How often a list or a map opens in the text, at most."""
    plain = bytes(text)
    return plain.count(b"[") + plain.count(b"{")


# one pair of functions a kind: message -> fields of the head, and back


def _pack_start(start: RunStart, buffers: list[Buffer]) -> dict[str, Any]:
    return {
        "source": start.source,
        "run": start.run,
        "expected": start.expected,
        "shape": start.shape,
        "dtype": start.dtype,
        "channels": start.channels,
        "calibration": dict(start.calibration),
        "metadata": dict(start.metadata),
        "arrays": {name: fields.pack_array(a, buffers) for name, a in start.arrays.items()},
        "time_ns": start.time_ns,
    }


def _unpack_start(head: Json, buffers: Sequence[Buffer]) -> RunStart:
    expected = head["expected"]
    return RunStart(
        source=fields.name(head["source"]),
        run=fields.name(head["run"]),
        expected=None if expected is None else fields.whole(expected),
        shape=fields.shape_or_none(head["shape"]),
        dtype=fields.dtype_or_none(head["dtype"]),
        channels=fields.channel_names(head["channels"]),
        calibration=fields.mapping(head["calibration"]),
        metadata=fields.mapping(head["metadata"]),
        arrays={
            k: fields.unpack_array(v, buffers) for k, v in fields.mapping(head["arrays"]).items()
        },
        time_ns=fields.ns(head["time_ns"]),
    )


def _pack_frame(frame: Frame, buffers: list[Buffer]) -> dict[str, Any]:
    channels = {}
    for name, pixels in frame.channels.items():
        channels[name] = (pixels.shape, pixels.dtype, pixels.encoding, len(buffers))
        buffers.append(pixels.data)
    return {
        "source": frame.source,
        "run": frame.run,
        "number": frame.number,
        "channels": channels,
        "metadata": dict(frame.metadata),
        "detector_ns": frame.detector_ns,
        "received_ns": frame.received_ns,
    }


def _unpack_frame(head: Json, buffers: Sequence[Buffer]) -> Frame:
    channels = {}
    for name in fields.channel_names(head["channels"]):
        shape, dtype, encoding, part = head["channels"][name]
        known = fields.shape_or_none(shape)
        if known is None or dtype not in DTYPES:
            raise WireError("bad_dtype", f"{short(shape)} of {short(dtype)}")
        channels[name] = Pixels(known, dtype, str(encoding)[:60], buffers[fields.whole(part)])
    return Frame(
        source=fields.name(head["source"]),
        run=fields.name(head["run"]),
        number=fields.whole(head["number"]),
        channels=channels,
        metadata=fields.mapping(head["metadata"]),
        detector_ns=fields.ns_or_none(head["detector_ns"]),
        received_ns=fields.ns(head["received_ns"]),
    )


def _pack_result(result: Result, buffers: list[Buffer]) -> dict[str, Any]:
    labels = result.labels
    packed = {str(k): _pack_variable(v, buffers) for k, v in labels.variables.items()}
    coords = {str(k) for k in labels.coords}
    return {
        "source": result.source,
        "run": result.run,
        "frames": result.frames,
        "analysis": result.analysis,
        "coords": {k: v for k, v in packed.items() if k in coords},
        "variables": {k: v for k, v in packed.items() if k not in coords},
        "attrs": dict(labels.attrs),
        "provenance": dict(result.provenance),
        "error": result.error,
        "detector_ns": result.detector_ns,
        "received_ns": result.received_ns,
        "done_ns": result.done_ns,
        "seconds": result.seconds,
    }


def _pack_variable(variable: Any, buffers: list[Buffer]) -> dict[str, Any]:
    return {
        "dims": [str(dim) for dim in variable.dims],
        "attrs": dict(variable.attrs),
        **fields.pack_array(variable.values, buffers),
    }


def _unpack_labels(head: Json, buffers: Sequence[Buffer]) -> Labels:
    def variables(packed: Json) -> dict[str, Variable]:
        return {
            name: Variable(
                tuple(map(fields.name, v["dims"])),
                fields.unpack_array(v, buffers),
                fields.mapping(v["attrs"]),
            )
            for name, v in fields.mapping(packed).items()
        }

    data, coords = variables(head["variables"]), variables(head["coords"])
    if data.keys() & coords.keys():
        raise WireError("bad_head", "a variable and a coordinate of one name")
    return Labels(data | coords, frozenset(coords), fields.mapping(head["attrs"]))


def _unpack_result(head: Json, buffers: Sequence[Buffer]) -> Result:
    labels = _unpack_labels(head, buffers)
    return Result(
        source=fields.name(head["source"]),
        run=fields.name(head["run"]),
        frames=tuple(fields.whole(n) for n in head["frames"]),
        analysis=fields.name(head["analysis"]),
        data=labels if labels.simple else labels.dataset(),
        provenance=fields.mapping(head["provenance"]),
        error=None if head["error"] is None else str(head["error"]),
        detector_ns=fields.ns_or_none(head["detector_ns"]),
        received_ns=fields.ns(head["received_ns"]),
        done_ns=fields.ns(head["done_ns"]),
        seconds=fields.seconds(head["seconds"]),
    )


def _pack_stop(stop: RunStop, buffers: list[Buffer]) -> dict[str, Any]:
    del buffers
    return {
        "source": stop.source,
        "run": stop.run,
        "status": stop.status,
        "reason": stop.reason,
        "account": dict(stop.account),
        "time_ns": stop.time_ns,
    }


def _unpack_stop(head: Json, buffers: Sequence[Buffer]) -> RunStop:
    del buffers
    return RunStop(
        source=fields.name(head["source"]),
        run=fields.name(head["run"]),
        status=str(head["status"]),
        reason=str(head["reason"]),
        account=fields.mapping(head["account"]),
        time_ns=fields.ns(head["time_ns"]),
    )


_Pack = Callable[[Any, list[Buffer]], dict[str, Any]]
_Unpack = Callable[[Json, Sequence[Buffer]], Message]
_CODECS_BY_TYPE: dict[type, tuple[str, _Pack, _Unpack]] = {
    RunStart: ("start", _pack_start, _unpack_start),
    Frame: ("frame", _pack_frame, _unpack_frame),
    Result: ("result", _pack_result, _unpack_result),
    RunStop: ("stop", _pack_stop, _unpack_stop),
}
_CODECS_BY_KIND: dict[str, _Unpack] = {kind: unpack for kind, _, unpack in _CODECS_BY_TYPE.values()}
