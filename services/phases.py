"""`beamside phases`: which crystal phases there are, and a user's own among them."""

from __future__ import annotations

import argparse
import codecs
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from ..analysis.hrtem.candidates import readings
from ..analysis.hrtem.library import alike, extended
from ..stream.errors import FileError
from ..stream.records import add_record, read_records, remove_record
from .library import chosen_folder, library, own_folder

LARGEST = 8 << 20
"""Bytes of a CIF; structure factors in it are no use here."""
MOST_READINGS = 300_000
"""Ways to read two spots as a phase: each frame takes time and memory for them."""
SHOWN = 40
"""Reflections that are shown."""


def list_phases(args: argparse.Namespace) -> int:
    """List all phases, with the sets that they are in."""
    known = library(chosen_folder())
    rows = [summary(name, known.records[name], known.sets) for name in known.records]
    for row in rows:
        row["own"] = row["name"] in known.own
    if args.json:
        say({"phases": rows, "sets": known.sets, "sha256": known.sha256})
        return 0
    width = max(map(len, (*known.records, *known.sets)))
    for row in rows:
        mark = "*" if row["own"] else " "
        cell = " ".join(f"{x:.4f}".rstrip("0").rstrip(".") for x in row["cell"])
        tell(
            f"{mark} {row['name']:<{width}}  {row['space_group']:<12} {cell:<40} "
            f"{row['T_K']:g} K  {','.join(row['sets'])}"
        )
    tell("")
    for name, members in known.sets.items():
        tell(f"  {name:<{width}}  {' '.join(members)}")
    tell(f"\n  * your own, in {own_folder(chosen_folder())}")
    return 0


def show(args: argparse.Namespace) -> int:
    """Show one phase: cell, source, reflections."""
    known = library(chosen_folder())
    if args.name not in known.records:
        raise LookupError(f"no phase {args.name!r}; there are: {', '.join(known.records)}")
    record = known.records[args.name]
    said = summary(args.name, record, known.sets) | {"own": args.name in known.own}
    if args.json:
        say({**said, "sites": record["sites"], "reflections": record["reflections"]})
        return 0
    describe(said)
    tell("  hkl            d / angstrom  |F| / %  multiplicity")
    for row in record["reflections"][:SHOWN]:
        hkl = " ".join(map(str, row["hkl"]))
        tell(f"  {hkl:<14} {row['d_A']:<13.4f} {100 * row['F_rel']:<8.1f} {row['mult']}")
    if (more := len(record["reflections"]) - SHOWN) > 0:
        tell(f"  and {more} more; --json lists them")
    return 0


def add(args: argparse.Namespace) -> int:
    """Add a phase from a CIF."""
    folder = own_folder(chosen_folder())
    name, record, notes = made(args)
    others = read_records(folder)
    if name in others:
        raise FileError(f"{name!r} is there already: `beamside phases remove {name}` first")
    try:
        extended({**others, name: record})
    except ValueError as error:
        raise FileError(f"{args.file}: {error} (--name)") from error
    path = add_record(folder, name, record)
    known = library(folder)
    if same := alike(record, {n: one for n, one in known.records.items() if n != name}):
        notes.append(
            f"its spacings are those of {', '.join(same)}: together as candidates they share the "
            "probability, and neither is named; choose one of them"
        )
    said = summary(name, record, known.sets) | {"own": True}
    if args.json:
        say({**said, "notes": notes, "path": str(path)})
        return 0
    describe(said)
    for note in notes:
        tell(f"  note           {note}")
    tell(f"  written to     {path}")
    return 0


def made(args: argparse.Namespace) -> tuple[str, dict[str, Any], list[str]]:
    """Name, record and notes of the phase in a CIF; FileError says what is wrong with it."""
    from dataclasses import replace

    from ..analysis.hrtem.cif import CifError, check_density, read_cif
    from ..analysis.hrtem.database import record

    try:
        read = read_cif(text_of(args.file), args.block)
        structure = replace(
            read.structure, source=args.source or read.structure.source or args.file.name
        )
        if args.temperature is not None:
            structure = replace(structure, temperature=args.temperature)
        if args.expansion is not None:
            structure = replace(structure, expansion=(args.expansion, "as given with the CIF"))
        made = record(structure)
        check_density(made)
    except CifError as error:
        raise FileError(f"{args.file}: {error}") from error
    if (many := readings(made)) > MOST_READINGS:
        raise FileError(
            f"{args.file}: its cell is too large and too little symmetric: two spots could be read "
            f"in {many:.2g} ways, {MOST_READINGS:.2g} are the most"
        )
    made["sets"] = list(dict.fromkeys(args.set))
    notes = [n for n in read.notes if args.temperature is None or "temperature" not in n]
    return args.name or read.name, made, notes


def text_of(path: Path) -> str:
    """The text of a file that may be a CIF; FileError."""
    try:
        if path.stat().st_size > LARGEST:
            raise FileError(f"{path}: {path.stat().st_size / 1e6:.0f} MB is too large for a CIF")
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: can't be read: {error.strerror}") from error
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # as Windows saves texts
    return data.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def remove(args: argparse.Namespace) -> int:
    """Remove one of the user's own phases."""
    folder = own_folder(chosen_folder())
    own = read_records(folder)
    if args.name not in own:
        have = ", ".join(own) or "none"
        raise LookupError(f"no phase of yours is called {args.name!r}; there are: {have}")
    path = remove_record(folder, args.name)
    if args.json:
        say({"removed": args.name, "path": str(path)})
    else:
        tell(f"  removed        {path}")
    return 0


def summary(
    name: str, record: Mapping[str, Any], sets: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """What is worth knowing of a phase, under stable keys."""
    keys = ("space_group", "cell", "T_K", "expansion_per_K", "density_g_cm3", "source")
    return {
        "name": name,
        "sets": [one for one, members in sets.items() if name in members],
        **{key: record.get(key) for key in keys},
    }


def describe(said: Mapping[str, Any]) -> None:
    """Tell people of one phase."""
    expansion = said["expansion_per_K"]
    follows = f", expands by {expansion:.3g} per K" if expansion else ", expansion not known"
    rows = [
        ("phase", said["name"] + (" (your own)" if said["own"] else "")),
        ("sets", " ".join(said["sets"]) or "none: choose it by its name"),
        ("space group", said["space_group"]),
        ("cell", " ".join(f"{x:g}" for x in said["cell"]) + "  angstrom, degrees"),
        ("density", f"{said['density_g_cm3']:.3f} g/cm3"),
        ("temperature", f"{said['T_K']:g} K{follows}"),
        ("source", said["source"]),
    ]
    for key, text in rows:
        tell(f"  {key:<14} {text}")


def say(result: Mapping[str, Any]) -> None:
    """Print one JSON object on one line."""
    sys.stdout.write(orjson.dumps(result).decode() + "\n")


def tell(line: str) -> None:
    """Print one line for people."""
    sys.stdout.write(line + "\n")
