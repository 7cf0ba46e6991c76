from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import bluesky.plans as bp
import numpy as np
from bluesky import RunEngine
from bluesky.suspenders import SuspendBoolLow

from beamside.services.steering import Axis, Feed

from .camera import Camera
from .conftest import Service
from .test_reading import started

README = Path(__file__).parents[3] / "README.md"


def test_the_ten_lines_of_the_readme_focus_a_microscope(
    service: Service, feed: Feed, engine: RunEngine
) -> None:
    chapter = README.read_text().partition("## Steer in ten lines")[2]
    found = re.search(r"```python\n(.*?)```", chapter, re.S)
    assert found is not None
    code = found[1].replace("tcp://beamside:5560", service.bus.addresses[0])
    place = [0.0]
    focus = Axis("focus", lambda: place[0], lambda value: place.__setitem__(0, value))

    def answer(number: int) -> None:
        quality = float(np.exp(-0.5 * ((place[0] - 12) / 30) ** 2))
        service.result("7", number, quality, name="quality")

    started(service, feed)
    names: dict[str, Any] = {
        **{"RE": engine, "bp": bp, "SuspendBoolLow": SuspendBoolLow, "focus": focus},
        "camera": Camera(answer),
    }
    lines = code.splitlines()
    opening = next(n for n, line in enumerate(lines) if line.startswith("feed ="))
    exec("\n".join(lines[: opening + 1]), names)  # noqa: S102  the README's own code
    try:
        heard = names["feed"]
        while heard.run != "7":
            service.status("7", account={})
        exec("\n".join(lines[opening + 1 :]), names)  # noqa: S102
        assert abs(place[0] - 12) < 2
    finally:
        names["feed"].close()
