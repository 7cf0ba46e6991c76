"""A half cycle: lithium in every particle, step by step, under a constant current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse

from .conduction import Currents, currents, laplacian
from .graph import Graph

if TYPE_CHECKING:
    from .network import Network

THERMAL = 0.025693
"""R T / F at 298.15 K, in V."""
_UM = 1e-6
_FINEST = 2**-12
"""Of a step; who needs less is asked for impossible currents."""


def shells(nodes: Graph, model: Network) -> np.ndarray:
    """Conductance to the collector, in S; its mean does not depend on the scatter."""
    random = np.random.default_rng(model.seed).normal(size=len(nodes.labels))
    factor = np.exp(model.scatter * random - model.scatter**2 / 2)
    return np.asarray(model.binder * nodes.free * _UM**2 * factor)


def half_cycle(
    nodes: Graph,
    model: Network,
    shell: np.ndarray,
    damage: np.ndarray,
    lithium: np.ndarray,
    charging: bool,
) -> tuple[list[np.ndarray], list[float]]:
    """Pass a half cycle's charge: lithium before and after each step, and the voltage of each.

    There are fewer steps where the voltage left its window.
    """
    pair = (damage[nodes.first] + damage[nodes.second]) / 2
    contact = model.conductivity * nodes.area / nodes.distance * _UM
    links = laplacian(nodes, contact * np.exp(-pair / model.decoupling))
    wetted = (1 + model.wetting * damage) * np.exp(-damage / model.isolation)
    surface = model.exchange * wetted * nodes.surface * _UM**2
    charge = model.capacity * nodes.volume * _UM**3
    total = (1 if charging else -1) * charge.sum() * model.rate / 3600
    flow = _Flow(model, links, shell, surface, charge, total)
    states, voltages = [lithium], []
    for _ in range(model.steps):
        after, voltage = flow.advance(states[-1], 3600 * model.hours)
        if not model.window[0] <= voltage <= model.window[1]:
            break
        states.append(after)
        voltages.append(voltage)
    return states, voltages


@dataclass(frozen=True, slots=True)
class _Flow:
    """A half cycle's constants."""

    model: Network
    links: scipy.sparse.csc_array
    shell: np.ndarray
    surface: np.ndarray
    charge: np.ndarray
    """Of each particle from empty to full, in C."""
    total: float
    """A"""

    def advance(self, lithium: np.ndarray, seconds: float) -> tuple[np.ndarray, float]:
        """Lithium after some seconds and the last voltage; steps that leave 0 to 1 are halved."""
        done, part = 0.0, 1.0
        while done < 1 - 1e-9:
            flows = self.at(lithium, part * seconds)
            after = lithium - flows.reaction * part * seconds / self.charge
            if after.min() > 0 and after.max() < 1:
                lithium, done = after, done + part
                part = min(2 * part, 1 - done) if done < 1 else part
            elif part > _FINEST:
                part /= 2
            else:  # full or empty: the voltage has run away
                return lithium, -np.inf if self.total < 0 else np.inf
        return lithium, -flows.electrolyte

    def at(self, lithium: np.ndarray, seconds: float) -> Currents:
        """Currents of an implicit step: the potential that particles will have then counts."""
        model = self.model
        potential = (
            model.potential
            - model.slope * (lithium - 0.5)
            - THERMAL * np.log(lithium / (1 - lithium))
        )
        fall = model.slope + THERMAL / (lithium * (1 - lithium))
        stiff = self.surface / (1 + self.surface * fall * seconds / self.charge)
        return currents(self.links, self.shell, stiff, potential, self.total)
