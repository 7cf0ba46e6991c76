"""Network evolution: how activity and damage drive each other on the network of particles.

This model is beamside's own. It is not the one of Li et al., Science 376 (2022) 517, whose
equations are not public; it shows the same mechanism with parts that can be checked:

* Particles pass current to each other over their contacts, G_ij = kappa A_ij / d_ij, and take it
  from the collector over a shell of carbon and binder, g_i = binder times free surface, scattered.
* Each exchanges lithium with the electrolyte, I_i = k_i S_i (phi_i - phi_e - U(c_i)), and
  Q V_i dc_i/dt = -I_i. A half cycle passes a constant current until its charge has flowed or the
  voltage leaves its window.
* Damage grows with what a particle did, dD/dN = beta |dc|^m (|dc| per hour)^p (1 - D), and feeds
  back: k_i = k0 (1 + alpha D) exp(-D / Dc) (cracks first wet new surface, then isolate), and
  G_ij falls as exp(-(D_i + D_j) / 2 Dg).

Activity is a_i = dc_i / <dc>, synchrony 1 / (1 + its coefficient of variation), by volume.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import xarray as xr

from .graph import Graph, graph, morans_i
from .half_cycle import half_cycle, shells


@dataclass(frozen=True)
class Network:
    """Parameters of the model, in SI units but for um; defaults are plausible for NMC 811."""

    cycles: int = 50
    rate: float = 5.0
    """Charges an hour (C)."""
    swing: float = 0.7
    """Share of the capacity that a half cycle passes."""
    start: float = 0.9
    """Lithium content before the first charge, 0 to 1."""
    steps: int = 20
    """Of a half cycle."""
    window: tuple[float, float] = (2.5, 4.8)
    """A half cycle ends when the voltage leaves it, in V."""
    capacity: float = 3.4e9
    """Charge of lithium a volume, in C/m3."""
    conductivity: float = 0.01
    """kappa, of contacts, in S/m."""
    binder: float = 100.0
    """Of the shell of carbon and binder on free surface, in S/m2."""
    scatter: float = 0.5
    """Standard deviation of the logarithm of the binder's conductance."""
    seed: int = 0
    """Of the scatter."""
    exchange: float = 100.0
    """k0, of the surface to the electrolyte, in S/m2."""
    potential: float = 3.85
    """Of a half-filled particle against lithium, in V."""
    slope: float = 0.7
    """Fall of the potential from empty to full, in V, mixing left out."""
    growth: float = 0.02
    """beta, damage a cycle at |dc| = 1 in an hour."""
    depth_power: float = 2.0
    """m"""
    rate_power: float = 0.5
    """p"""
    wetting: float = 5.0
    """alpha"""
    isolation: float = 0.3
    """Dc"""
    decoupling: float = 0.3
    """Dg"""
    measured: bool = True
    """Whether it begins with the damage of the table, or with none."""

    def __post_init__(self) -> None:
        """Refuse what is no electrode."""
        for field in fields(self):
            value = getattr(self, field.name)
            free = field.name in ("window", "seed", "measured", "scatter", "growth", "wetting")
            if not free and not 0 < value < np.inf:
                raise ValueError(f"{field.name} is {value}; it must be above 0 and finite")
        if not (self.start < 1 and self.start - self.swing > 0):
            raise ValueError(
                f"a swing of {self.swing} from {self.start} leaves 0 to 1; lower one of them"
            )

    @property
    def hours(self) -> float:
        """Of a step."""
        return self.swing / self.rate / self.steps

    def __call__(self, table: xr.Dataset, contacts: xr.Dataset) -> xr.Dataset:
        """Let the particles of a table (`Features`) with their `contacts` cycle.

        Along `half_cycle` (charge, discharge, ...): synchrony, Moran's I of damage, share of the
        charge that flowed; along `particle` too: damage after it, activity in it, and lithium at
        each `step`, to be animated. AnalysisError says why no current can flow.
        """
        return evolve(graph(table, contacts), self)


def evolve(nodes: Graph, model: Network) -> xr.Dataset:
    """Cycle a graph; the result is that of `Network`."""
    shell = shells(nodes, model)
    damage = nodes.damage.clip(0, 1) if model.measured else np.zeros(len(nodes.labels))
    lithium = np.full(len(damage), model.start)
    rows = []
    for half in range(2 * model.cycles):
        charging = half % 2 == 0
        before = lithium
        states, voltages = half_cycle(nodes, model, shell, damage, lithium, charging)
        lithium = states[-1]
        change = np.abs(lithium - before)
        damage = _damaged(model, damage, change, (len(states) - 1) * model.hours)
        rows.append(_row(nodes, model, damage, change, states, voltages))
    return _dataset(nodes, rows, model)


def _damaged(model: Network, damage: np.ndarray, change: np.ndarray, hours: float) -> np.ndarray:
    """Damage after half a cycle; never above 1."""
    rate = change / hours if hours else np.zeros_like(change)
    grown = model.growth / 2 * change**model.depth_power * rate**model.rate_power
    return np.asarray(1 - (1 - damage) * np.exp(-grown))


def _row(
    nodes: Graph,
    model: Network,
    damage: np.ndarray,
    change: np.ndarray,
    states: list[np.ndarray],
    voltages: list[float],
) -> dict[str, Any]:
    """What a half cycle gave; steps that were not made are NaN."""
    lithium = np.full((model.steps + 1, len(damage)), np.nan, np.float32)
    lithium[: len(states)] = states
    voltage = np.full(model.steps + 1, np.nan)
    voltage[1 : len(voltages) + 1] = voltages
    mean = np.average(change, weights=nodes.volume)
    activity = change / mean if mean > 0 else np.full(len(change), np.nan)
    return {
        "particle_damage": damage,
        "particle_activity": activity,
        "particle_lithium": lithium,
        "voltage": voltage,
        "synchrony": synchrony(activity, nodes.volume),
        "moran": morans_i(damage, nodes.first, nodes.second),
        "moran_activity": morans_i(activity, nodes.first, nodes.second),
        "mean_damage": np.average(damage, weights=nodes.volume),
        "passed": mean / model.swing,
    }


def synchrony(activity: np.ndarray, weight: np.ndarray) -> float:
    """1 / (1 + coefficient of variation) of activity[particle] by weight; 1 is in step."""
    mean = np.average(activity, weights=weight)
    variance = np.average((activity - mean) ** 2, weights=weight)
    return float(1 / (1 + np.sqrt(variance) / mean)) if mean > 0 else np.nan


_WORDS = {
    "particle_damage": (("half_cycle", "particle"), "damage after the half cycle"),
    "particle_activity": (("half_cycle", "particle"), "change of lithium over the mean change"),
    "particle_lithium": (("half_cycle", "step", "particle"), "lithium content, 0 to 1"),
    "voltage": (("half_cycle", "step"), "voltage of the electrode"),
    "synchrony": (("half_cycle",), "synchrony of the particles"),
    "moran": (("half_cycle",), "Moran's I of damage on the contacts"),
    "moran_activity": (("half_cycle",), "Moran's I of activity on the contacts"),
    "mean_damage": (("half_cycle",), "mean damage by volume"),
    "passed": (("half_cycle",), "share of the asked charge that flowed"),
}


def _dataset(nodes: Graph, rows: list[dict[str, Any]], model: Network) -> xr.Dataset:
    variables: dict[str, Any] = {
        name: (
            dims,
            np.stack([row[name] for row in rows]),
            {"units": "V" if name == "voltage" else "1", "long_name": words},
        )
        for name, (dims, words) in _WORDS.items()
    }
    variables["particle_label"] = ("particle", nodes.labels, {"long_name": "label"})
    variables["particle_part"] = (
        "particle", nodes.components, {"long_name": "connected part of the network"},
    )  # fmt: skip
    edges = {"a": nodes.labels[nodes.first], "b": nodes.labels[nodes.second]}
    for name, values in edges.items():
        variables[f"contact_{name}"] = ("contact", values, {"long_name": "label of a particle"})
    variables["contact_area"] = ("contact", nodes.area, {"units": "um2", "long_name": "area"})
    hours = np.arange(model.steps + 1) * model.hours
    coordinates = {
        "half_cycle": (
            "half_cycle", np.arange(len(rows)), {"long_name": "half cycle, even ones charge"},
        ),
        "step": ("step", hours, {"units": "h", "long_name": "time in the half cycle"}),
    }  # fmt: skip
    return xr.Dataset(variables, coordinates, dict(_attributes(model)))


def _attributes(model: Network) -> Iterator[tuple[str, Any]]:
    yield "title", "network evolution"
    yield "model", "beamside's conductance-activity-damage model; not that of a publication"
    for field in fields(model):
        value = getattr(model, field.name)
        yield field.name, list(value) if isinstance(value, tuple) else value
