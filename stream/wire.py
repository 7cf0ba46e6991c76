"""Our own bus: a message is one JSON head and raw buffers, in one multipart, without a copy.

    part 0    head: kind, the fields, and for each array its dtype, shape and place
    part 1..  the buffers the head speaks of, in order

The head is plain JSON and the buffers are plain memory, so that a reader in any language needs
nothing of ours; nothing that is received is ever executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from .errors import WireError
from .messages import DTYPES, Buffer, Frame, Json, Message, Pixels, Result, RunStart, RunStop

FORMAT = "beamside-1"
ARRAY_KINDS = "biufSU"
MAX_BYTES = 1 << 32


def encode(message: Message) -> list[Buffer]:
    """Give the parts of `message`: the head, then its buffers as they lie in memory."""
    buffers: list[Buffer] = []
    kind, pack, _ = _CODECS_BY_TYPE[type(message)]
    head = {"format": FORMAT, "kind": kind, **pack(message, buffers)}
    return [orjson.dumps(head, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY), *buffers]


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
    return head


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


# arrays


def _pack_array(array: np.ndarray[Any, Any], buffers: list[Buffer]) -> dict[str, Any]:
    array = np.asarray(array)
    if array.dtype.kind in "OU":
        return {"strings": [str(item) for item in array.ravel()], "shape": list(array.shape)}
    if array.dtype.kind not in ARRAY_KINDS:
        raise WireError("bad_dtype", f"arrays of {array.dtype} don't travel")
    flat = np.ascontiguousarray(array).reshape(-1).astype(array.dtype.newbyteorder("<"), copy=False)
    buffers.append(flat.view(np.uint8).data if flat.size else b"")
    return {"dtype": flat.dtype.str, "shape": list(array.shape), "part": len(buffers) - 1}


def _unpack_array(head: Mapping[str, Any], buffers: Sequence[Buffer]) -> np.ndarray[Any, Any]:
    shape = tuple(_whole(n) for n in head["shape"])
    if "strings" in head:
        return np.array([str(item) for item in head["strings"]], dtype=np.str_).reshape(shape)
    dtype = np.dtype(str(head["dtype"]))
    if dtype.kind not in ARRAY_KINDS or dtype.itemsize == 0:
        raise WireError("bad_dtype", f"arrays of {dtype} don't travel")
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    data = memoryview(buffers[_whole(head["part"])])
    if size != data.nbytes or size > MAX_BYTES:
        raise WireError("bad_size", f"{shape} of {dtype} is {size} bytes, got {data.nbytes}")
    return np.frombuffer(data, dtype).reshape(shape)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise WireError("bad_shape", f"{value!r} is not a whole number of 0 or more")
    return value


def _shape(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    ny, nx = (_whole(n) for n in value)
    return ny, nx


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
        "arrays": {name: _pack_array(a, buffers) for name, a in start.arrays.items()},
        "time_ns": start.time_ns,
    }


def _unpack_start(head: Json, buffers: Sequence[Buffer]) -> RunStart:
    expected = head["expected"]
    return RunStart(
        source=str(head["source"]),
        run=str(head["run"]),
        expected=None if expected is None else _whole(expected),
        shape=_shape(head["shape"]),
        dtype=None if head["dtype"] is None else str(head["dtype"]),
        channels=tuple(str(name) for name in head["channels"]),
        calibration=dict(head["calibration"]),
        metadata=dict(head["metadata"]),
        arrays={str(k): _unpack_array(v, buffers) for k, v in head["arrays"].items()},
        time_ns=int(head["time_ns"]),
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
    for name, (shape, dtype, encoding, part) in head["channels"].items():
        known = _shape(shape)
        if known is None or dtype not in DTYPES:
            raise WireError("bad_dtype", f"{shape} of {dtype!r}")
        channels[name] = Pixels(known, dtype, str(encoding), buffers[_whole(part)])
    return Frame(
        source=str(head["source"]),
        run=str(head["run"]),
        number=_whole(head["number"]),
        channels=channels,
        metadata=head["metadata"],
        detector_ns=head["detector_ns"],
        received_ns=int(head["received_ns"]),
    )


def _pack_result(result: Result, buffers: list[Buffer]) -> dict[str, Any]:
    return {
        "source": result.source,
        "run": result.run,
        "frames": result.frames,
        "analysis": result.analysis,
        "coords": {str(k): _pack_variable(v, buffers) for k, v in result.data.coords.items()},
        "variables": {str(k): _pack_variable(v, buffers) for k, v in result.data.items()},
        "attrs": dict(result.data.attrs),
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
        **_pack_array(variable.values, buffers),
    }


def _unpack_result(head: Json, buffers: Sequence[Buffer]) -> Result:
    import xarray as xr  # half a second, and ingest never needs it

    def variables(packed: Json) -> dict[str, Any]:
        return {
            str(name): (tuple(v["dims"]), _unpack_array(v, buffers), dict(v["attrs"]))
            for name, v in packed.items()
        }

    data = xr.Dataset(variables(head["variables"]), variables(head["coords"]), dict(head["attrs"]))
    return Result(
        source=str(head["source"]),
        run=str(head["run"]),
        frames=tuple(_whole(n) for n in head["frames"]),
        analysis=str(head["analysis"]),
        data=data,
        provenance=dict(head["provenance"]),
        error=None if head["error"] is None else str(head["error"]),
        detector_ns=head["detector_ns"],
        received_ns=int(head["received_ns"]),
        done_ns=int(head["done_ns"]),
        seconds=float(head["seconds"]),
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
        source=str(head["source"]),
        run=str(head["run"]),
        status=str(head["status"]),
        reason=str(head["reason"]),
        account=dict(head["account"]),
        time_ns=int(head["time_ns"]),
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
