"""Which NeXus application definition an archive keeps: claimed only when all it requires is known.

    NXem   the run's metadata has `sample` with is_simulation, preparation_date, atom_types
    NXmx   the detector said where it stands and what it is made of, the wavelength, and there are
           names of sample and source (`sample.name` or `sample_name`, `source_name`)

NXmx wants an NXsource in the entry, which the definition of NXentry does not know: `nxcheck` calls
that an error in any NXmx file, `nxvalidate` (which reads the claim) does not.

Anything else stays plain NXentry with NXdata and NXprocess, which every reader shows as well; the
facts that are there are in the header all the same. NXstxm is claimed by nothing yet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import h5py

from ..messages import RunStart, RunStop
from .columns import put_text
from .geometry import Geometry, geometry_of, put_geometry
from .names import moment
from .tree import put_group


def claim_definition(entry: h5py.Group, start: RunStart, stop: RunStop) -> str:
    """Write what an application definition asks for, and claim it; give its name or nothing."""
    said = start.metadata.get("sample")
    sample = said if isinstance(said, Mapping) else {}
    if _put_em(entry, sample):
        name = "NXem"
    elif _put_mx(entry, start, stop, sample):
        name = "NXmx"
    else:
        return ""
    put_text(entry, "definition", name)
    return name


def _put_em(entry: h5py.Group, sample: Mapping[str, Any]) -> bool:
    simulated, prepared = sample.get("is_simulation"), _date(sample.get("preparation_date"))
    atoms = sample.get("atom_types")
    if isinstance(atoms, list | tuple) and all(isinstance(atom, str) for atom in atoms):
        atoms = ", ".join(atoms)
    if not isinstance(simulated, bool) or not prepared or not isinstance(atoms, str) or not atoms:
        return False
    group = put_group(entry, "sampleID", "NXsample")
    group["is_simulation"] = simulated
    put_text(group, "preparation_date", prepared)
    put_text(group, "atom_types", atoms)
    if isinstance(sample.get("name"), str):
        put_text(group, "name", sample["name"])
    return True


def _put_mx(entry: h5py.Group, start: RunStart, stop: RunStop, sample: Mapping[str, Any]) -> bool:
    known = start.metadata
    name = sample.get("name", known.get("sample_name"))
    source = known.get("source_name")
    wavelength = _length(known, "wavelength", "incident_wavelength")
    geometry = geometry_of(known)
    if not (isinstance(name, str) and name and isinstance(source, str) and source):
        return False
    if wavelength is None or geometry is None or "data" not in entry:
        return False
    put_text(entry, "end_time_estimated", moment(stop.time_ns).isoformat())
    group = put_group(entry, "sample", "NXsample")
    put_text(group, "name", name)
    put_text(group, "depends_on", ".")
    put_text(put_group(entry, "source", "NXsource"), "name", source)
    _put_detectors(entry["instrument"], wavelength, geometry)
    return True


def _put_detectors(instrument: h5py.Group, wavelength: float, geometry: Geometry) -> None:
    beam = put_group(instrument, "beam", "NXbeam")
    beam["incident_wavelength"] = wavelength
    beam["incident_wavelength"].attrs["units"] = "angstrom"
    for group in instrument.values():
        if isinstance(group, h5py.Group) and group.attrs["NX_class"] == "NXdetector":
            put_geometry(group, geometry)


def _date(value: object) -> str:
    """Give an ISO date with its zone, or nothing where it is none."""
    try:
        date = datetime.fromisoformat(str(value))
    except ValueError:
        return ""
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).isoformat()


def _length(known: Mapping[str, Any], *names: str) -> float | None:
    """Give the first of these that is a sensible number above 0."""
    for name in names:
        value: Any = known.get(name)
        if type(value) in (int, float) and 0 < value < math.inf:
            return float(value)
    return None
