"""The contract of an analysis, and how one is found by name.

*Per batch*: a frozen dataclass whose fields are its settings. It is called with a batch of images
and their calibration and returns an `xarray.Dataset`. It has no state, so any worker can take any
batch. Nothing of beamside needs to be imported to write one.

The dataset's variables have dims, coords, `units` and `long_name`. Per-image variables lead with
the dimension `frame`. A table with one row per thing is a set of variables along that thing's
dimension (`spot`, `grain`), each called `<thing>_<column>`, with `<thing>_frame` the index of the
image in the batch. Classes are integers with CF `flag_values` and `flag_meanings`; uncertainties
are called `<name>_sigma`. Numbers that came with the frames (`stage_y`, `stage_x`, `defocus`, ...)
are coordinates along `frame` of what travels; the service puts them there.

It may have a method `prepare()`: a process that analyses calls it once, before it says that it is
ready. What is slow the first time (imports, tables, compiling) is done there and not while the
first frame waits; if it fails, that is logged, and the frames are analysed all the same.

*Per run*: an analysis may say what grows over a run. Its method

    def over_run(self, calibration: Calibration) -> Mapping[str, RunOperator]

gives one `RunOperator` for each thing that grows, under a short name: `{"calibration": ...}` of the
analysis `hrtem` becomes the analysis `hrtem.calibration`. The service folds each result of the run
into it exactly once, in a process of its own that holds up no frame, publishes what has grown every
few seconds, and archives what it has become at the end of the run. A map that grows:

    @dataclass(frozen=True)
    class Brightest:
        def start(self):
            return {"number": np.array(-1), "value": np.array(-np.inf)}

        def add(self, state, said, numbers):
            best = int(said["brightness"].argmax())
            one = {"number": np.array(numbers[best]), "value": said["brightness"].values[best]}
            return self.merge(state, one)

        def merge(self, one, other):
            return max(one, other, key=lambda state: (state["value"], state["number"]))

        def finish(self, state):
            words = {"long_name": "number of the brightest frame"}
            return xr.Dataset({"brightest": ((), state["number"], words)})

        def save(self, state):
            return state

        def restore(self, arrays):
            return dict(arrays)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib.metadata import entry_points
from typing import Any, Protocol

import numpy as np
import xarray as xr

GROUP = "beamside.analyses"
GIVEN: Mapping[str, bool] = {"given": True}
"""`metadata` of a field that is no setting: a service gives it, as it may need files to be read."""
OF_A_RUN = ("start", "add", "merge", "finish", "save", "restore")
"""What a `RunOperator` has."""


class AnalysisError(Exception):
    """This batch can't be analysed; the text says why. The stream goes on."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a pixel measures, and where that is known from."""

    pixel_size: tuple[float, float] | None = None
    """(y, x) in nm per pixel; None = uncalibrated."""
    voltage: float | None = None
    """Acceleration voltage in kV."""
    temperature: float | None = None
    """Specimen temperature in K."""
    origin: str = "none"
    """In words: header, settings, reference, self-calibration."""
    correction: tuple[float, float, float] | None = None
    """What a person accepted for this pixel size: scale, anisotropy and shear of the pixel grid, as
    `hrtem.calibration` gives them. `pixel_size` is without it."""
    correction_sigma: tuple[float, float, float] | None = None
    """Standard deviations of the three numbers, where they are known."""
    accepted: str = ""
    """By whom and when, in words."""


class Operator(Protocol):
    """One analysis with its settings."""

    def __call__(self, images: np.ndarray, calibration: Calibration, /) -> xr.Dataset:
        """Say what `images[n, y, x]` mean; AnalysisError if nothing can be said."""
        ...


class RunOperator(Protocol):
    """What grows over a run: a fold of the results of its batches.

    The state is whatever the author likes. Several processes may fold a share of the results each,
    and any of them may be killed: the answer must not depend on who folded what, nor on the order
    of the frames, beyond rounding.
    """

    def start(self) -> Any:
        """Begin: the state that has seen nothing."""
        ...

    def add(self, state: Any, said: xr.Dataset, numbers: Sequence[int], /) -> Any:
        """Give the state with one more result in it: what the analysis said of a batch.

        `numbers` are the frames' numbers in the run, along the dimension `frame` of `said`; frames
        come in any order, each once. `state` may be changed and given back. AnalysisError if
        nothing can be learned from this result; the state is then as it was before.
        """
        ...

    def merge(self, one: Any, other: Any, /) -> Any:
        """Join two states of different frames; associative, and the order does not matter.

        Neither may be changed: they go on growing.
        """
        ...

    def finish(self, state: Any, /) -> xr.Dataset:
        """Say what has grown so far, also of `start()`; asked again and again while it grows.

        As the result of a batch, but for the frames: no dimension `frame`, and a column
        `<thing>_frame` holds frame numbers. The attribute `alarm` says in words what somebody
        should look at (`none`: nothing); it is shown as an alarm of the service.
        """
        ...

    def save(self, state: Any, /) -> Mapping[str, np.ndarray]:
        """Give the state as arrays of numbers or texts, for `restore` in another process."""
        ...

    def restore(self, arrays: Mapping[str, np.ndarray], /) -> Any:
        """Give the state that `save` gave as arrays; ValueError if they are none of it."""
        ...


def names() -> list[str]:
    """The installed analyses, by name."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load(
    name: str,
    settings: Mapping[str, Any] | None = None,
    gifts: Mapping[str, Callable[[], Any]] | None = None,
) -> Operator:
    """Make the analysis called `name`; LookupError or ValueError say what is wrong.

    `gifts` makes what an analysis may have a field marked GIVEN for; it is called only then.
    """
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise LookupError(f"no analysis {name!r}; installed: {', '.join(names()) or 'none'}")
    kind = found[0].load()
    settings = dict(settings or {})
    given: dict[str, Any] = {}
    if is_dataclass(kind):
        marked = {field.name for field in fields(kind) if field.metadata.get("given")}
        known = [field.name for field in fields(kind) if field.name not in marked]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ValueError(
                f"analysis {name!r} has no setting {unknown[0]!r}; "
                f"allowed: {', '.join(known) or 'none'}"
            )
        given = {key: make() for key, make in (gifts or {}).items() if key in marked}
    operator: Operator = kind(**settings, **given)
    return operator


def prepare(operator: Operator) -> None:
    """Let `operator` do what is slow the first time, if it has a method for that."""
    asked = getattr(operator, "prepare", None)
    if callable(asked):
        asked()


def over_run(operator: Operator, calibration: Calibration) -> dict[str, RunOperator]:
    """What grows over a run of `operator`, by name; ValueError or TypeError say what is wrong."""
    asked = getattr(operator, "over_run", None)
    given: Mapping[str, RunOperator] = {} if asked is None else asked(calibration)
    if not isinstance(given, Mapping):
        raise TypeError(f"over_run gave a {type(given).__name__}; it gives a mapping by name")
    for name, one in given.items():
        if not isinstance(name, str) or not re.fullmatch("[a-z][a-z0-9_]{0,39}", name):
            raise ValueError(f"over_run: {name!r} is no name; write small letters, digits, _")
        absent = [word for word in OF_A_RUN if not callable(getattr(one, word, None))]
        if absent:
            raise TypeError(f"over_run: {name!r} has no {absent[0]}(); see RunOperator")
    return dict(given)
