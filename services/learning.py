"""`beamside train nmc-stardist`: a particle network, from generated slices or your own pictures."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.particles.model import NAME, Model, model
from ..analysis.particles.tuning import Pair, metrics, tuned
from ..models.weights import Card, save_stardist
from .annotated import Annotated, annotated

if TYPE_CHECKING:
    from ..models.checkpoint import Checkpoint
    from ..models.course import Trained
    from ..models.train_stardist import Recipe

QUICK = {"steps": 20, "cycles": 1, "batch": 2, "size": 64, "base": 4, "features": 8}
"""To try the machinery: seconds; such a network finds little."""
CYCLE = 2400
"""Steps in which the learning rate rises and falls once."""
TUNED, TESTED = 24, 40
"""Generated slices that thresholds and metrics are taken from."""
FIELD = 256
"""Pixels a side of them."""
SPREAD = 0.3
"""Of the logarithm of their particles' size about what the network likes best: the finder brings
slices to that scale."""
HELD = 0.2
"""Part of your own pictures that isn't learned from."""
RATE, PATIENCE = 4e-4, 8
"""Of going on with your own pictures: a network that knows much already."""
CLEAR = "\r\x1b[K"


def command(args: argparse.Namespace) -> int:
    """Train, write weights and card; print the card."""
    if args.data is None:
        card = from_generator(args.out, args.seed, args.steps, args.quick, args.json)
    else:
        name = args.name or f"{args.data.resolve().name}-stardist"
        card = from_folder(args.data, args.out, name, args.seed, args.steps, args.quick, args.json)
    short = {key: value for key, value in card.facts.items() if key != "curve"}
    sys.stdout.write(json.dumps(short, indent=None if args.json else 1) + "\n")
    return 0


def from_generator(
    out: Path, seed: int, steps: int | None = None, quick: bool = False, quiet: bool = False
) -> Card:
    """Train on generated slices alone; write NAME.safetensors and NAME.json into `out`.

    What is not finished is kept in `out`, and gone on with. WeightsError if that is another
    training's.
    """
    from ..models.course import train
    from ..models.train_stardist import Recipe

    recipe = replace(Recipe(seed=seed), **(QUICK if quick else {}))
    if steps is not None:
        recipe = replace(recipe, steps=steps, cycles=max(1, steps // CYCLE))
    unfinished = _unfinished(out, NAME, recipe.facts(), quiet)
    trained = train(recipe, progress=None if quiet else _tell, kept=unfinished)
    card = kept(trained, recipe, out)
    unfinished.done()
    return card


def _unfinished(out: Path, name: str, question: dict[str, Any], quiet: bool) -> Checkpoint:
    """Where a training is kept while it is not finished; say if there is one."""
    from ..models.checkpoint import Checkpoint

    there = Checkpoint(out / f"{name}.training.safetensors", question)
    if not quiet and (kept := there.get()):
        step, seconds = kept[1]["step"], kept[1]["seconds"]
        sys.stderr.write(f"  goes on from step {step}, after {seconds:.0f} s of CPU time\n")
    return there


def kept(trained: Trained, recipe: Recipe, out: Path) -> Card:
    """Fix thresholds and metrics on generated slices that were not learned from; write the card."""
    from ..models.engines import engine

    ask, _ = engine(trained.net, "torch")
    network = Model(trained.net, Card({"particle_px": _diameter()}), ask)
    quick = recipe.size < FIELD // 2
    edge = recipe.size if quick else FIELD
    thresholds = tuned(network, _fields(recipe.seed, "validate", 2 if quick else TUNED, edge))
    facts = {
        "trained_on": "generated slices only: no real image, none of the evaluations",
        "recipe": recipe.facts(),
        "reproducible": "the same seed gives the same weights on the same machine with as many "
        "threads; other machines round otherwise",
        "metrics": metrics(
            network, _fields(recipe.seed, "test", 2 if quick else TESTED, edge), thresholds
        ),
        "metrics_on": f"generated slices of {edge} x {edge} that were not learned from, their "
        "particles of the size that the finder brings them to",
        "licence": "BSD-3-Clause",
    }
    return _save(trained, facts, thresholds, NAME, out)


def _fields(seed: int, stream: str, many: int, edge: int) -> list[Pair]:
    from ..models.phantoms.nmc import nmc_slice
    from ..models.train_stardist import STREAMS

    made = []
    for number in range(many):
        rng = np.random.default_rng([seed, STREAMS[stream], number])
        diameter = _diameter() * float(np.exp(rng.uniform(-SPREAD, SPREAD)))
        made.append(nmc_slice(rng, (edge, edge), diameter))
    return [(one.image, one.labels) for one in made]


def _diameter() -> float:
    from ..models.phantoms.nmc import DIAMETER

    return DIAMETER


def from_folder(
    folder: Path,
    out: Path,
    name: str,
    seed: int,
    steps: int | None = None,
    quick: bool = False,
    quiet: bool = False,
) -> Card:
    """Go on with the shipped network on the annotated pictures of `folder`.

    A part of them is held back: it says when to stop, and gives thresholds and metrics. What is not
    finished is kept in `out`, and gone on with. FileError says what is wrong with the folder,
    WeightsError that what is kept is another training's.
    """
    from ..models.course import Held, train
    from ..models.engines import engine
    from ..models.own_slices import Cuts, prepared, typical_diameter
    from ..models.train_stardist import Recipe, draw

    pictures = annotated(folder)
    start = model(NAME, "torch", False, "cpu")
    diameter = typical_diameter([one.labels for one in pictures])
    scale = start.particle_px / diameter
    ready = [prepared(one.image, one.labels, scale) for one in pictures]
    learned, held = _parted(ready, seed)
    recipe = replace(
        Recipe(seed=seed),
        rate=RATE,
        steps=steps or (20 if quick else 600),
        cycles=1,
        batch=2 if quick else 4,
    )
    samples = [draw(recipe, Cuts(held, recipe.size), n, "validate") for n in range(8)]
    question = recipe.facts() | {"pictures": _digest(ready), "start": start.card.sha256}
    unfinished = _unfinished(out, name, question, quiet)
    trained = train(
        recipe,
        Cuts(learned, recipe.size),
        None if quiet else _tell,
        start.net,
        Held(samples, PATIENCE),
        unfinished,
    )
    network = Model(trained.net, start.card, engine(trained.net, "torch")[0])
    thresholds = tuned(network, held)
    facts = {
        "trained_on": f"{len(learned)} of {len(pictures)} annotated pictures ({_names(pictures)}), "
        f"going on from {NAME} {start.card.sha256[:12]}",
        "recipe": {**recipe.facts(), "generator": None, "scale": round(scale, 4)},
        "stopped_at": trained.best,
        "metrics": metrics(network, held, thresholds),
        "metrics_on": "the pictures that were held back; thresholds were fixed on them too",
    }
    shown = [image for image, _ in ready]
    card = _save(trained, facts, thresholds, name, out, shown)
    unfinished.done()
    return card


def _digest(ready: Sequence[Pair]) -> str:
    """Name the pictures by what is in them."""
    digest = hashlib.sha256()
    for pair in ready:
        for part in pair:
            digest.update(str(part.shape).encode() + part.tobytes())
    return digest.hexdigest()


def _parted(ready: Sequence[Pair], seed: int) -> tuple[list[Pair], list[Pair]]:
    """What is learned from, and what is held back: of a single picture its right fifth."""
    if len(ready) == 1:
        image, labels = ready[0]
        edge = max(1, int(image.shape[1] * (1 - HELD)))
        return [(image[:, :edge], labels[:, :edge])], [(image[:, edge:], labels[:, edge:])]
    order = np.random.default_rng(seed).permutation(len(ready))
    many = max(1, round(HELD * len(ready)))
    return [ready[n] for n in order[many:]], [ready[n] for n in order[:many]]


def _names(pictures: Sequence[Annotated]) -> str:
    shown = ", ".join(one.name for one in pictures[:3])
    return shown + (", ..." if len(pictures) > 3 else "")


def _save(
    trained: Trained,
    facts: dict[str, Any],
    thresholds: dict[str, float],
    name: str,
    out: Path,
    pictures: Sequence[np.ndarray] = (),
) -> Card:
    import torch

    from ..models.ranges import generated, ranges

    about = {
        "task": "particles in slices",
        "particle_px": _diameter(),
        "thresholds": thresholds,
        **facts,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu_seconds": round(trained.seconds, 1),
        "ranges": ranges(trained.net, [*generated(), *pictures]),
        "curve": [[round(value, 4) for value in point] for point in trained.curve],
    }
    return save_stardist(trained.net, about, name, out)


def _tell(step: int, steps: int, /, *losses: float) -> None:
    words = "   ".join(
        f"{name} {loss:.4f}" for name, loss in zip(("loss", "held back"), losses, strict=False)
    )
    end = "\n" if step == steps else ""
    sys.stderr.write(f"{CLEAR}  step {step} of {steps}   {words}{end}")
    sys.stderr.flush()
