"""A simulated microscope for plans: axes to move, and a camera on a real detector's wire."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...stream.messages import Frame, Pixels, RunStart, RunStop
from ...stream.sinks import open_sink
from .axis import Axis
from .errands import Errands
from .waiting import Waiting


class Microscope:
    """Axes that move at once, and a `camera` whose frames are pushed to whoever connects to `url`.

    `sees(places, number)` gives the image uint16 [y, x] at the places of the axes (by name); it is
    sent as it lies in memory, so it must not change afterwards.
    `camera` is a bluesky device; its `frame_number` is the detector's. Frames begin with `arm` and
    end with `disarm`, as a detector's series do. With `told`, each frame says where the axes were;
    those of `camera_of(scan=1)` say that too. A frame that nobody takes for `patience_s` is an
    error. `encoder_options` are those of the wire.
    """

    def __init__(
        self,
        url: str,
        axes: Mapping[str, str],
        sees: Callable[[Mapping[str, float], int], np.ndarray],
        *,
        pixel_nm: float = 0.03,
        told: bool = False,
        patience_s: float = 10.0,
        **encoder_options: Any,
    ) -> None:
        self.places = dict.fromkeys(axes, 0.0)
        self.axes = {name: self._axis(name, units) for name, units in axes.items()}
        self._patience_s = patience_s
        self.taken = 0
        """Frames of this series."""
        self.sent_ns: dict[int, int] = {}
        """When each frame was on its way, Unix time in ns."""
        self.camera = Camera(self, {})
        self.run = ""
        self._sink = open_sink(url, **encoder_options)
        self._sees, self._pixel_nm, self._told = sees, pixel_nm, told

    @property
    def endpoint(self) -> str:
        """Where frames come from."""
        return self._sink.endpoint

    def _axis(self, name: str, units: str) -> Axis:
        def move(value: float) -> None:
            self.places[name] = value

        return Axis(name, lambda: self.places[name], move, units=units)

    def camera_of(self, **said: float) -> Camera:
        """The camera, for a plan whose frames are to say this."""
        return Camera(self, said)

    def arm(self, run: str, expected: int | None = None) -> None:
        """Begin a series."""
        self.run, self.taken, self.camera.frame_number = run, 0, -1
        size = [self._pixel_nm, self._pixel_nm]
        calibration = {"pixel_size_nm": size, "origin": "the simulated microscope"}
        self._send(RunStart("sim", run, expected=expected, calibration=calibration))

    def disarm(self) -> None:
        """End the series."""
        self._send(RunStop("sim", self.run))

    def expose(self, number: int, extra: Mapping[str, float]) -> None:
        """Take and send a frame."""
        image = np.ascontiguousarray(self._sees(dict(self.places), number), "<u2")
        pixels = Pixels(image.shape, "<u2", "raw", image.reshape(-1).view(np.uint8).data)
        now = time.time_ns()
        self.sent_ns[number] = now
        said = {"appendix": {**self.places, **extra}} if self._told else {}
        self._send(Frame("sim", self.run, number, {"data": pixels}, said, detector_ns=now))

    def _send(self, message: RunStart | Frame | RunStop) -> None:
        if not self._sink.send(message, self._patience_s):
            raise RuntimeError("nobody takes the frames: is the service connected?")

    def close(self) -> None:
        """Let the last frames out."""
        self._sink.close()


class Camera:
    """The camera of a simulated microscope: Triggerable and Readable."""

    name = "camera"
    parent = None

    def __init__(self, microscope: Microscope, said: Mapping[str, float]) -> None:
        self._microscope, self._said = microscope, said
        self.frame_number = -1
        """Of its last frame."""
        self._exposures = Errands("beamside-camera")

    def number(self) -> int:
        """The number of its last frame, as the detector counts."""
        return self.frame_number

    def trigger(self) -> Waiting:
        """Expose once, in the camera's own thread."""
        self.frame_number = self._microscope.taken
        self._microscope.taken += 1
        exposing = Waiting()
        number = self.frame_number
        self._exposures.run(lambda: self._expose(number, exposing))
        return exposing

    def _expose(self, number: int, exposing: Waiting) -> None:
        try:
            self._microscope.expose(number, self._said)
        except Exception as error:  # whatever it is, the plan is to hear of it
            exposing.end(error)
        else:
            exposing.end()

    def read(self) -> dict[str, Any]:
        """The frame's number."""
        return {"camera_frame": {"value": self.frame_number, "timestamp": time.time()}}

    def describe(self) -> dict[str, Any]:
        """What `read` gives."""
        return {"camera_frame": {"source": "sim:camera", "dtype": "integer", "shape": []}}

    def read_configuration(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def describe_configuration(self) -> dict[str, Any]:
        """Nothing."""
        return {}
