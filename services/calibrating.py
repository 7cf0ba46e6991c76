"""`beamside calibrate`: what the crystals of a session say of the microscope's pixel size."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..analysis import operators
from ..analysis.hrtem.reference import doubts, reference
from ..analysis.hrtem.selfcal import SelfCalibration
from ..analysis.hrtem.uncalibrated import LISTED, Uncalibrated
from ..stream.errors import FileError
from ..stream.files import parse_length
from ..stream.files.formats import split
from .deciding import accept, over_http, tell, withdraw
from .library import chosen_folder, library
from .looking import ANALYSIS, SHOWN, Account, Said, looker, results
from .verification import archives_in

OPTIONS = 5
"""Pixel sizes that are told, most probable first."""
SURE = 0.9
"""Probability from which on one pixel size is worth a look."""


def command(args: argparse.Namespace) -> int:
    """Calibrate on what is said of the frames of one session; applied is what is accepted."""
    if args.page is not None:
        return over_http(args)
    _untangle(args)
    if not args.archives:
        raise FileError("name archives or images, or --page ADDRESS of a service that runs")
    if args.withdraw:
        return withdraw(args)
    if args.uncalibrated and (args.reference or args.pixel_size or args.accept):
        raise ValueError("--uncalibrated goes without --reference, --pixel-size and --accept")
    phases: Any = tuple(args.phases) if len(args.phases) > 1 else args.phases[0]
    known = library(chosen_folder())
    paths = [path for given in args.archives for path in archives_in(given)]
    settings: dict[str, Any] = {"candidates": phases, "temperature": args.temperature}
    operator = operators.load(ANALYSIS, settings, {"library": lambda: known})
    size = parse_length(args.pixel_size) if args.pixel_size else None
    account = Account()
    said = results(paths, looker(operator, size, args.uncalibrated), account)
    if args.uncalibrated:
        found = by_ratios(said, Uncalibrated(library=known, **settings))
        text = unscaled_lines(found)
    else:
        found = by_scale(said, SelfCalibration(library=known, **settings), args.reference)
        if args.accept:
            found["accepted"] = accept(args, account.used, found)
        text = lines(found)
    found |= {"refused": account.refused, "same": account.same}
    tell(args, found, [*text, *account_lines(account)])
    return 1 if account.refused else 0


def _untangle(args: argparse.Namespace) -> None:
    """Take files behind `--phases NAME` for what they are: it takes all words that follow it."""
    known = library(chosen_folder())
    named = {*known.records, *known.sets, "all"}
    while len(args.phases) > 1 and args.phases[-1] not in named:
        last = Path(args.phases[-1])
        if not split(last)[0].exists():
            return
        args.archives.insert(0, last)
        args.phases.pop()


def by_scale(results: Said, one: SelfCalibration, known: bool) -> dict[str, Any]:
    """What the grains of a session say of the header's pixel; `known`: one phase and no other."""
    if known:
        one = reference(one.candidates, one.temperature, one.library)
    state = one.start()
    for data, numbers in results:
        state = one.add(state, data, numbers)
    said = one.finish(state)
    return {**describe(said), "doubts": doubts(state, one, said) if known else []}


def account_lines(account: Account) -> list[str]:
    """What became of files that are no evidence, for people."""
    rows = [("left out", why) for why in account.refused.values()]
    rows += [
        ("the same", f"{name} has the pixels of {first}: counted once")
        for name, first in account.same.items()
    ]
    more = [("and", f"{len(rows) - SHOWN} files more")] if len(rows) > SHOWN else []
    return [f"  {name:<11}{text}" for name, text in [*rows[:SHOWN], *more]]


def by_ratios(results: Said, one: Uncalibrated) -> dict[str, Any]:
    """What the grains of a session are, and its pixel sizes, without any scale."""
    state = one.start()
    for data, numbers in results:
        state = one.add(state, data, numbers)
    found = one.finish(state)
    names = [str(name) for name in found["phase"].values]
    share = found["grain_posterior"].values.sum(axis=0)
    options = zip(
        *(found[name].values for name in ("pixel", "pixel_sigma", "pixel_probability")), strict=True
    )
    return {
        "pixels": [
            {
                "nm": round(float(p), 6),
                "sigma": round(float(s), 6),
                "probability": round(float(q), 4),
            }
            for p, s, q in options
        ][:OPTIONS],
        "grains": found.sizes["grain"],
        "phase_grains": {n: round(float(x), 2) for n, x in zip(names, share, strict=True)},
        "unknown_grains": round(found.sizes["grain"] - float(share.sum()), 2),
        **found.attrs,
    }


def unscaled_lines(said: dict[str, Any]) -> list[str]:
    """The same for people."""
    rows = [("grains", f"{said['grains']} in {said['frames']} frames")]
    for option in said["pixels"]:
        text = f"{option['nm']:.5f} +- {option['sigma']:.5f} nm  p = {option['probability']:.2f}"
        rows.append(("pixel", text))
    if not said["pixels"]:
        rows.append(("pixel", "nothing can be said: too few grains with spots in two directions"))
    named = {n: x for n, x in said["phase_grains"].items() if x >= LISTED}
    for name, many in sorted(named.items(), key=lambda item: -item[1]):
        rows.append(("phase", f"{name:<10} {many:.1f} grains expected"))
    rows.append(("phase", f"{'unknown':<10} {said['unknown_grains']:.1f}"))
    if said["pixels"] and said["pixels"][0]["probability"] > SURE:
        size = said["pixels"][0]["nm"]
        rows.append(("then", f"look again with --pixel-size {size:.5f}nm"))
    else:
        rows.append(("doubt", "several pixel sizes fit: more frames, or a known phase, tell more"))
    return [f"  {name:<11}{text}" for name, text in rows]


def describe(found: xr.Dataset) -> dict[str, Any]:
    """The finding under stable keys: values, standard deviations, evidence, and words."""
    sigma = found["calibration_sigma"].values
    values = found["calibration"].values
    plain = {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in found.attrs.items()
    }
    return {
        "correction": [round(float(v), 6) for v in values],
        "correction_sigma": [round(float(s), 6) for s in sigma],
        "matrix": found["matrix"].values.tolist(),
        **plain,
    }


def lines(said: dict[str, Any]) -> list[str]:
    """The finding for people, and how to apply it."""
    scale, anisotropy, shear = said["correction_sigma"]
    rows = [
        ("scale", f"{said['scale']:.4f} +- {scale:.4f}  true pixel over the header's"),
        ("anisotropy", f"{said['anisotropy']:+.4f} +- {anisotropy:.4f}  height over width"),
        ("shear", f"{said['shear_degrees']:+.2f} +- {np.degrees(shear):.2f} degrees"),
        ("grains", f"{said['grains_used']} of {said['grains_seen']}, {said['frames']} frames"),
        ("chance", f"p = {said['p_value']} that permuted azimuths score as high"),
        ("alarm", said.get("alarm") or "none"),
        ("note", said.get("note") or ""),
        *(("doubt", words) for words in said.get("doubts", ())),
        ("apply", _how_to_apply(said)),
    ]
    return [f"  {name:<11}{text}" for name, text in rows if text]


def _how_to_apply(said: dict[str, Any]) -> str:
    event = said["accepted"]
    if isinstance(event, dict):
        return f"accepted by {event['by']} in {event['file']}: it holds from the next frame on"
    if not said["enough"]:
        return "nothing: the evidence is too little; more frames with grains tell more"
    return f"--accept, or --set 'analysis.settings.calibration={said['correction']}'"
