"""A volume whose slices were looked at: what is missing or odd is named, and bridged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...analysis.particles.oddities import between, odd_slices
from ...stream.stack import Stack
from ...stream.unfinished import Unfinished


def mended(volume: Stack, work: Unfinished) -> Stack:
    """Treat odd slices as missing, and fill all that are missing with the way between the others.

    They count for no xy slice, but are no gap for the views that cut across them. What was done is
    kept in `work`, and not done again.
    """
    kept = work.get("odd")
    if kept is None:
        found = odd_slices(volume.values, volume.missing)
        why = np.array([*found.values()], str)
        kept = {"index": np.array([*found], np.int64), "why": why}
        work.put("odd", kept)
    found = {int(n): str(why) for n, why in zip(kept["index"], kept["why"], strict=True)}
    if not work.has("bridged"):
        for index, image in between(volume.values, {*volume.missing, *found}):
            volume.values[index] = image
        work.put("bridged", {})
    said = {f"slice {n}": why for n, why in found.items()}
    missing = tuple(sorted({*volume.missing, *found}))
    return replace(volume, missing=missing, left_out={**volume.left_out, **said})
