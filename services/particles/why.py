"""`beamside particles why`: which features go with damage, in one state or two."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import xarray as xr

from ...analysis.particles.regressors import SETS
from ...analysis.particles.states import compare
from ...analysis.particles.why import Why, fitted, glance
from ...models import forest
from ...stream.errors import FileError
from ...stream.labelled import write_labelled
from .given import say, settings_of, table

SHOWN = 12
"""Features that are shown to people."""


def command(args: argparse.Namespace) -> int:
    """Explain one table, or two and their difference."""
    chosen = args.features
    features: str | tuple[str, ...] = chosen if chosen in SETS else tuple(chosen.split(","))
    why = Why(**{"features": features} | settings_of(Why, args.assignments))
    if args.out and args.out.suffix.lower() == ".csv":
        raise FileError(f"{args.out}: what was found is no table; name a .nxs file")
    tables = [table(path) for path in (args.table, args.late) if path]
    found = [glance(one, why) if args.glance else why(one) for one in tables]
    told: dict[str, Any] = {"states": [summary(one) for one in found]}
    text = [line for one, path in zip(found, (args.table, args.late), strict=False)
            for line in (f"  {path.name}", *lines(one))]  # fmt: skip
    if len(found) == 2:
        change = compare(*found)
        told["difference"] = _by_feature(change["difference"])
        told["difference_sigma"] = _by_feature(change["difference_sigma"])
        text += ["  late less early, share of all importance", *_changes(change)]
    if args.save:
        model, given = fitted(tables[-1], why)
        facts = {"features": list(given.names), "particles": len(given.damage)}
        told["sha256"] = forest.save(model, facts, args.save).sha256
        text.append(f"  saved     {args.save}")
    if args.out:
        for number, one in enumerate(found):
            name = args.out.stem if not number else f"{args.out.stem}-late"
            write_labelled(args.out.with_name(f"{name}{args.out.suffix}"), one)
    say(told, text, as_json=args.json)
    return 0


def summary(found: xr.Dataset) -> dict[str, Any]:
    """What was found, under stable keys; null where it was not looked at."""
    said: dict[str, Any] = {
        "particles": found.attrs["particles"],
        "importance": {
            str(kind): _by_feature(found["importance"].sel(kind=kind))
            for kind in found["kind"].values
        },
        "importance_sigma": {
            str(kind): _by_feature(found["importance_sigma"].sel(kind=kind))
            for kind in found["kind"].values
        },
        "non_monotonic": _by_feature(found["non_monotonic"]),
        "r2_oob": _mean(found["r2_oob"].sel(kind="seed")),
        "r2_oob_subsets": _mean(found["r2_oob"].sel(kind="subset")),
        "note": found.attrs.get("note", ""),
    }
    for name in ("r2_cv", "r2_by_chance", "p_value"):
        said[name] = _mean(found[name]) if name in found else None
    if "above_chance" in found:
        above = found["above_chance"].values
        said["above_chance"] = found["feature"].values[above].tolist()
    return said


def lines(found: xr.Dataset) -> list[str]:
    """What was found, for people: the first features, and how far to trust them."""
    said = summary(found)
    importance = found["importance"].sel(kind="seed").values
    order = np.argsort(-importance)[:SHOWN]
    above = found["above_chance"].values if "above_chance" in found else None
    rows = [f"  {'feature':<17}{'mean |SHAP|':>12} {'+-':>9} {'turns':>7}  "]
    for n in order:
        chance = "" if above is None or above[n] else "not above chance"
        sigma = float(found["importance_sigma"].sel(kind="seed")[n])
        rows.append(
            f"  {found['feature'].values[n]:<17}{importance[n]:>12.5f} {sigma:>9.5f} "
            f"{float(found['non_monotonic'][n]):>7.2f}  {chance}"
        )
    r2 = ", ".join(
        f"{words} {said[name]:.3f}"
        for name, words in (
            ("r2_oob", "out of bag"), ("r2_cv", "cross-validated"), ("r2_by_chance", "by chance"),
        )
        if said[name] is not None
    )  # fmt: skip
    rows.append(f"  R^2       {r2}")
    if said["p_value"] is not None:
        rows.append(f"  chance    p = {said['p_value']:.3g} that shuffled damage explains as much")
    return [*rows, *([f"  note      {said['note']}"] if said["note"] else [])]


def _changes(change: xr.Dataset) -> list[str]:
    difference = change["difference"].sel(kind="seed").values
    sigma = change["difference_sigma"].sel(kind="seed").values
    order = np.argsort(-np.abs(difference))[:SHOWN]
    names = change["feature"].values
    return [f"  {names[n]:<17}{difference[n]:>+12.3f} {sigma[n]:>9.3f}" for n in order]


def _by_feature(values: xr.DataArray) -> Any:
    if values.ndim == 1:
        pairs = zip(values["feature"].values.tolist(), values.values.tolist(), strict=True)
        return {name: value if value == value else None for name, value in pairs}
    return {str(k): _by_feature(values.sel(kind=k)) for k in values["kind"].values}


def _mean(values: xr.DataArray) -> float | None:
    known = values.values[np.isfinite(values.values)]
    return float(known.mean()) if known.size else None
