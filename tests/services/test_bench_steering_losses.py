from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from beamside.services.bench.steering_losses import FIRST, Trouble, _judged

STEPS = 5
Events = list[dict[str, Any]]


def events() -> Events:
    """What a scan records: frame 2 was taken again after a rewind, so numbers run ahead."""
    frames = [0, 1, 3, 4, 5]
    return [
        {
            **{"stage": float(n), "beamside_place": n + 1.0, "beamside_frame": frame},
            **{"beamside_number": FIRST + float(frame)},
        }
        for n, frame in enumerate(frames)
    ]


def judged(recorded: Events, archived: int = 6, missing: int = 0) -> dict[str, Any]:
    account = {"archived": archived, "missing": missing}
    trouble: Any = SimpleNamespace(
        events=dict(enumerate(recorded)), closed={"a": {"account": account}}, count=Counter()
    )
    return _judged(trouble, STEPS, exposed=6)


def test_a_scan_that_was_rewound_has_lost_nothing() -> None:
    assert judged(events())["lost"] == 0
    assert judged(events(), archived=5, missing=1)["frames_unaccounted"] == 0


def test_an_event_that_a_rewind_says_again_counts_once() -> None:
    nobody: Any = None
    trouble = Trouble(nobody, nobody)
    for number, frame in ((1, 0), (2, 1), (2, 2)):
        trouble.heard("event", {"descriptor": "d", "seq_num": number, "data": {"frame": frame}})
    assert [event["frame"] for event in trouble.events.values()] == [0, 2]
    assert trouble.count["said_again"] == 1


def swapped(recorded: Events) -> None:
    for what in ("beamside_place", "beamside_number"):
        recorded[1][what], recorded[2][what] = recorded[2][what], recorded[1][what]


def stale(recorded: Events) -> None:
    recorded[2]["beamside_number"] = FIRST + 2.0


@pytest.mark.parametrize(
    ("harm", "lost"),
    [
        (swapped, 2),
        (stale, 1),
        (lambda recorded: recorded.pop(), 1),
        (lambda recorded: recorded.append(recorded[0]), 1),
    ],
)
def test_what_must_not_happen_is_found_out(harm: Callable[[Events], Any], lost: int) -> None:
    recorded = events()
    harm(recorded)
    assert judged(recorded)["lost"] == lost


def test_a_frame_that_nobody_tells_of_is_counted() -> None:
    assert judged(events(), archived=5)["frames_unaccounted"] == 1
