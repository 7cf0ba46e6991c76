from __future__ import annotations

from collections.abc import Sequence

import cbor2
import numpy as np
import orjson
import pytest

from beamside.stream import dectris, stream2, wire
from beamside.stream.decompress import encode
from beamside.stream.messages import Buffer, Frame, Message, Refusal, RunStart, RunStop
from beamside.stream.reception import KEPT, Incoming, Reception

IMAGE = np.random.default_rng(1).poisson(3, (34, 50)).astype("<u2")
START = RunStart("x", "5", expected=2, shape=IMAGE.shape, dtype="<u2")
FRAME = Frame("x", "5", 0, {"data": encode(IMAGE)})


def parts_of(kind: str, message: Message) -> list[bytes]:
    encoders = {
        "dectris": lambda m: dectris.Encoder().encode(m)[0],
        "stream2": lambda m: stream2.Encoder().encode(m)[0],
        "beamside": wire.encode,
    }
    return [bytes(part) for part in encoders[kind](message)]


def raws(came: Sequence[Incoming]) -> list[tuple[tuple[Buffer, ...], ...]]:
    return [() if isinstance(m, Refusal) or not hasattr(m, "raw") else m.raw for m in came]


@pytest.mark.parametrize("kind", ["dectris", "stream2", "beamside"])
def test_every_message_holds_the_parts_it_came_in(kind: str) -> None:
    reception = Reception(kind, "det", verify=True)
    for message in (START, FRAME, RunStop("x", "5")):
        parts = parts_of(kind, message)
        (came,) = reception.decode(parts)
        assert isinstance(came, RunStart | Frame | RunStop)
        assert (came.raw, came.wire) == ((tuple(parts),), kind)
        assert came == came
        assert "raw" not in repr(came)


def test_frames_and_starts_are_stamped_and_a_time_of_arrival_is_kept() -> None:
    reception = Reception("beamside", "det", verify=True)
    (start,) = reception.decode(parts_of("beamside", START))
    (frame,) = reception.decode(parts_of("beamside", FRAME))
    assert isinstance(start, RunStart)
    assert isinstance(frame, Frame)
    assert start.time_ns > 0
    assert frame.received_ns > 0
    earlier = Frame("x", "5", 0, FRAME.channels, received_ns=77)
    (came,) = reception.decode(parts_of("beamside", earlier))
    assert isinstance(came, Frame)
    assert came.received_ns == 77


def test_a_header_in_two_multiparts_is_one_start_with_both() -> None:
    header = parts_of("dectris", START)
    head = orjson.dumps({**orjson.loads(header[0]), "header_detail": "basic"})
    reception = Reception("dectris", "det", verify=True)
    assert reception.decode([head]) == []
    (start,) = reception.decode(header[1:])
    assert raws([start]) == [((head,), tuple(header[1:]))]


def test_garbage_between_two_halves_is_refused_and_kept_with_them() -> None:
    header = parts_of("dectris", START)
    head = orjson.dumps({**orjson.loads(header[0]), "header_detail": "basic"})
    reception = Reception("dectris", "det", verify=True)
    reception.decode([head])
    (refusal,) = reception.decode([b"garbage"])
    assert isinstance(refusal, Refusal)
    (start,) = reception.decode(header[1:])
    assert raws([start]) == [((head,), (b"garbage",), tuple(header[1:]))]
    (frame,) = reception.decode(parts_of("dectris", FRAME))
    assert len(raws([frame])[0]) == 1


def test_a_start_that_waited_and_the_image_after_it_have_each_their_own() -> None:
    head = orjson.dumps({**orjson.loads(parts_of("dectris", START)[0]), "header_detail": "basic"})
    image = parts_of("dectris", FRAME)
    reception = Reception("dectris", "det", verify=True)
    reception.decode([head])
    came = reception.decode(image)
    assert [type(m) for m in came] == [RunStart, Frame]
    assert raws(came) == [((head,),), (tuple(image),)]


def test_messages_that_share_a_multipart_have_each_their_part() -> None:
    parts = [parts_of("stream2", m)[0] for m in (START, FRAME, RunStop("x", "5"))]
    came = Reception("stream2", "det", verify=True).decode(parts)
    assert [type(m) for m in came] == [RunStart, Frame, RunStop]
    assert raws(came) == [((part,),) for part in parts]


def test_a_refused_part_stands_in_its_place_and_the_others_keep_theirs() -> None:
    start, frame = parts_of("stream2", START)[0], parts_of("stream2", FRAME)[0]
    came = Reception("stream2", "det", verify=True).decode([start, b"garbage", frame])
    assert [type(m) for m in came] == [RunStart, Refusal, Frame]
    assert raws(came) == [((start,),), (), ((frame,),)]


def test_a_part_that_gives_no_message_goes_with_the_next_one() -> None:
    calibration = cbor2.dumps({"type": "calibration", "series_id": 5})
    start, frame = parts_of("stream2", START)[0], parts_of("stream2", FRAME)[0]
    reception = Reception("stream2", "det", verify=True)
    assert reception.decode([calibration]) == []
    (came,) = reception.decode([start])
    assert raws([came]) == [((calibration,), (start,))]
    together = reception.decode([start, calibration, frame])
    assert raws(together) == [((start,),), ((calibration,), (frame,))]


def test_what_gives_no_message_is_not_kept_without_end() -> None:
    calibration = cbor2.dumps({"type": "calibration", "series_id": 5})
    reception = Reception("stream2", "det", verify=True)
    for _ in range(3 * KEPT):
        assert reception.decode([calibration]) == []
    (frame,) = reception.decode(parts_of("stream2", FRAME))
    assert len(raws([frame])[0]) == KEPT + 1
    huge = cbor2.dumps({"type": "calibration", "series_id": 5, "x": bytes(65 << 20)})
    assert reception.decode([huge]) == []
    (frame,) = reception.decode(parts_of("stream2", FRAME))
    assert len(raws([frame])[0]) == 1


def test_a_message_of_our_bus_in_a_thousand_thousand_parts_is_refused() -> None:
    parts = [*wire.encode(FRAME), *[b""] * 5000]
    (refusal,) = Reception("beamside", "det", verify=True).decode(parts)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "bad_parts"
