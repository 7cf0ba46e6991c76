"""Results move the instrument: beamside as bluesky devices, signals and plans.

    from beamside.services.steering import Feed, Reading

    feed = Feed("tcp://beamside:5560")
    sharp = Reading(feed, {"sharpness": "sharpness"}, frame=camera.number, camera=camera)
    RE(bluesky.plans.scan([sharp], focus, -5, 5, 21))

Plain classes of bluesky's protocols: they work beside ophyd, ophyd-async or neither. Everything is
joined by `(source, run, frame)`, never by order of arrival or clock, and nothing blocks in a plan:
waiting is done by the Status of a trigger.
"""

from .axis import Axis
from .envelope import Dose, Envelope, Limits, RefusedError, Spent
from .evaluation import Evaluate
from .feed import Feed
from .guarding import guarded
from .health import ServiceSignal
from .lost import LostResultError
from .patience import patient
from .reading import Reading
from .watched import ResultSignal
from .wheel import HeldError, Wheel

__all__ = [
    "Axis",
    "Dose",
    "Envelope",
    "Evaluate",
    "Feed",
    "HeldError",
    "Limits",
    "LostResultError",
    "Reading",
    "RefusedError",
    "ResultSignal",
    "ServiceSignal",
    "Spent",
    "Wheel",
    "guarded",
    "patient",
]
