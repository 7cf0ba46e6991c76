"""Python that reads the very array that is looked at from the archive; h5py is all it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TEXT = """\
# {title}
import h5py
import hdf5plugin  # the archive is packed with bitshuffle-LZ4

with h5py.File({path}) as file:
{steps}
print(values.shape, values.dtype)  # {units}
"""


def snippet(place: Mapping[str, Any], cut: Sequence[int | None], title: str, units: str) -> str:
    """The text; `place` is what `services/archives` says of where an array lies.

    `cut` has an index for each dimension of the array, None where all of it is meant.
    """
    steps = [f"    data = file[{place['dataset']!r}]  # rows: {place['rows']}"]
    if place["numbers"] is None:
        steps.append(f"    values = data[{place['row']}]")
    else:
        steps.append(f"    numbers = file[{place['numbers']!r}][:]")
        steps.append(f"    rows = (numbers == {place['number']}).nonzero()[0]")
        row = "rows" if place["table"] else "rows[-1]"
        steps.append(f"    values = data[{row}]")
    if any(index is not None for index in cut):
        rows = [":"] if place["table"] else []
        where = ", ".join([*rows, *(":" if index is None else str(index) for index in cut)])
        steps.append(f"    values = values[{where}]")
    clean = " ".join(f"{title}".split())
    return TEXT.format(
        title=clean,
        path=repr(place["path"]),
        steps="\n".join(steps),
        units=" ".join(units.split()) or "no unit",
    )
