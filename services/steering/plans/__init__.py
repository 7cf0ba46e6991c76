"""Plans in which results move the instrument: generators for any stock RunEngine.

Each costs per step one move, one exposure and one result; nothing blocks. `detectors` are what is
triggered and read at each place, one of them a `Reading`; `field` is a column of the events, as
`beamside_score`. All of them open a run of their own and return what they found.
"""

from .focus import autofocus, stigmate
from .hunting import hunt
from .mapping import adaptive_map
from .refining import refine_where
from .steps import center_on, scan_until
from .turns import by_turns

__all__ = [
    "adaptive_map",
    "autofocus",
    "by_turns",
    "center_on",
    "hunt",
    "refine_where",
    "scan_until",
    "stigmate",
]
