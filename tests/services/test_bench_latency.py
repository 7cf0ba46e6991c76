"""The detector of the latency bench keeps its pace and says when each frame was taken."""

import time

import numpy as np

from beamside.services.bench.latency import PIXEL, series
from beamside.stream.messages import Frame, RunStart, RunStop


def test_frames_are_stamped_when_they_are_due() -> None:
    images = [np.full((64, 64), n, "<u2") for n in (1, 2)]
    began = time.time_ns()
    start, *frames, stop = series(images, 3, 20.0)
    assert isinstance(start, RunStart)
    assert isinstance(stop, RunStop)
    assert start.expected == 3
    assert start.calibration["pixel_size_nm"] == [PIXEL, PIXEL]
    assert [f.number for f in frames if isinstance(f, Frame)] == [0, 1, 2]
    taken = [f.detector_ns - began for f in frames if isinstance(f, Frame) and f.detector_ns]
    assert np.diff(taken).min() > 0.02e9
    assert taken[0] > 0.04e9
