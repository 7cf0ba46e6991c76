"""Currents through a network of particles at one moment: Kirchhoff's law, solved sparsely.

Current flows from the collector (potential 0) through shells of carbon and binder and through
contacts into particles, and from each particle into the electrolyte:

    sum_j G_ij (phi_j - phi_i) - g_i phi_i = I_i,   I_i = h_i (phi_i - phi_e - U_i),   sum_i I_i = I
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import splu

from ..operators import AnalysisError
from .graph import Graph


@dataclass(frozen=True, slots=True)
class Currents:
    """What flows where; volts and amperes."""

    reaction: np.ndarray
    """From each particle into the electrolyte."""
    potential: np.ndarray
    """Of each particle against the collector."""
    electrolyte: float
    """Potential of the electrolyte against the collector."""
    collector: float
    """Current from the collector into all particles."""


def laplacian(graph: Graph, conductance: np.ndarray) -> scipy.sparse.csc_array:
    """The matrix of conductance[contact] between particles, in S: rows add up to 0."""
    many = len(graph.labels)
    rows = np.concatenate([graph.first, graph.second, graph.first, graph.second])
    columns = np.concatenate([graph.second, graph.first, graph.first, graph.second])
    values = np.concatenate([-conductance, -conductance, conductance, conductance])
    return scipy.sparse.coo_array((values, (rows, columns)), (many, many)).tocsc()


def currents(
    links: scipy.sparse.csc_array,
    shell: np.ndarray,
    surface: np.ndarray,
    equilibrium: np.ndarray,
    total: float,
) -> Currents:
    """Solve for all currents when `total` amperes leave through the electrolyte.

    `links` is a `laplacian`; shell[particle] (to the collector) and surface[particle] (to the
    electrolyte) are conductances in S; equilibrium[particle] potentials in V. AnalysisError if
    nothing connects the particles to the collector.
    """
    if not shell.max(initial=0) > 0:
        raise AnalysisError("no particle is connected to the collector: no current can flow")
    matrix = (links + scipy.sparse.diags_array(shell + surface)).tocsc()
    solved = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(
        np.stack([surface * equilibrium, shell], axis=1)
    )
    # per volt of the electrolyte the potential is 1 - solved[:, 1]: small differences stay exact
    fixed, drop = solved.T
    per_volt = -(surface * drop).sum()
    electrolyte = (total - (surface * (fixed - equilibrium)).sum()) / per_volt
    potential = fixed + electrolyte * (1 - drop)
    reaction = surface * (fixed - equilibrium - electrolyte * drop)
    return Currents(reaction, potential, float(electrolyte), -float((shell * potential).sum()))
