"""`beamside train`: a network from generated spectra, calibrated on images of other physics."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..models.weights import Card, WeightsError, load, save, write_card
from .evaluate import read

STEPS = {"hrtem-unet": 1300, "hrtem-pictures": 1500}
PICTURES = 24
"""hrtem-pictures: new pictures for each step."""
QUICK = {"steps": 30, "fields": 2, "tiles": 4, "pictures": 3}
"""To try the machinery: half a minute at most; such a network finds little."""
NULLS = 40
"""Phantoms without crystals that the scale of evidence is taken from."""
FIRST_NULL = 70_000
"""Seed of the first; those of evaluations lie elsewhere."""
PICTURE = 64
TASKS = {
    "spectra": "spots in HRTEM power spectra",
    "pictures": "spots that a person would mark in pictures of power spectra",
}
CLEAR = "\r\x1b[K"


def command(args: argparse.Namespace) -> int:
    """Train, write weights and card, calibrate if images with truth are given; print the card."""
    if args.network == "nmc-stardist":
        return _particles(args)
    numbers: dict[str, Any] = QUICK if args.quick else {"steps": args.steps or STEPS[args.network]}
    if args.network == "hrtem-pictures":
        numbers = {"pictures": PICTURES, **numbers, "task": "pictures"}
        if args.samples is not None:
            numbers["pictures"] = max(1, args.samples // numbers["steps"])
    elif args.samples is not None:
        per_step = max(4, args.samples // numbers["steps"])
        numbers = {**numbers, "tiles": 6, "fields": max(1, per_step // 8)}
        numbers["pictures"] = max(1, per_step // 4)
    try:
        card = trained(args.network, args.out, seed=args.seed, quiet=args.json, **numbers)
        if args.validate:
            card = calibrated(args.network, args.out, args.validate)
    except ImportError as error:
        raise WeightsError(
            f"training needs {error.name}: pip install 'beamside[networks]'"
        ) from error
    short = {key: value for key, value in card.facts.items() if key != "curve"}
    sys.stdout.write(json.dumps(short, indent=None if args.json else 1) + "\n")
    return 0


def _particles(args: argparse.Namespace) -> int:
    try:
        from .learning import command as learn

        return learn(args)
    except ImportError as error:
        raise WeightsError(
            f"training needs {error.name}: pip install 'beamside[networks]'"
        ) from error


def trained(name: str, out: Path, *, seed: int, quiet: bool = False, **numbers: Any) -> Card:
    """Train the network `name` and write `name.safetensors` and `name.json` into `out`."""
    import torch

    from ..models.train import Recipe, described, train

    recipe = Recipe(seed=seed, **numbers)
    result = train(recipe, None if quiet else _tell)
    if not quiet:
        sys.stderr.write("\n")
    facts = {
        "task": TASKS[recipe.task],
        "trained_on": "generated spectra only: no real image, no phantom of the evaluations",
        "recipe": described(recipe),
        "reproducible": "the same seed gives the same weights on the same machine with as many "
        "threads; other machines round otherwise",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu_seconds": round(result.seconds, 1),
        "metrics": result.metrics,
        "curve": [(step, round(loss, 4)) for step, loss in result.curve],
    }
    return save(result.net, facts, name, out)


def _tell(step: int, steps: int, loss: float) -> None:
    sys.stderr.write(f"{CLEAR}  step {step} of {steps}   loss {loss:.3g}")
    sys.stderr.flush()


def calibrated(name: str, folder: Path, files: Sequence[Path], nulls: int = NULLS) -> Card:
    """Fix temperature and thresholds on images with truth and on phantoms without crystals.

    FileError names a file that has no image with truth.
    """
    from ..analysis.hrtem.judging import calibration, judged
    from ..analysis.hrtem.network import Network
    from ..analysis.hrtem.pixels import clean

    net, card = load(name, folder)
    judge = Network(net, card)
    images = [read(path) for path in files]
    if card.facts["recipe"].get("task") == "pictures":
        above, f1 = _pictures(images, judge)
        return _kept(card, {"picture_threshold": above, "picture_f1": f1}, files, name, folder)
    crystals = [judged(clean(image)[0], true, judge) for image, true in images]
    empty = [judged(clean(image)[0], true, judge) for image, true in _empty(nulls)]
    numbers = calibration(crystals, empty)
    seeds = f"{nulls} varied phantoms without crystals from seed {FIRST_NULL}"
    return _kept(card, numbers, files, name, folder, nulls=seeds)


def _kept(
    card: Card, numbers: dict[str, float], files: Sequence[Path], name: str, folder: Path, **on: str
) -> Card:
    facts = {
        **card.facts,
        "calibration": {key: round(value, 5) for key, value in numbers.items()},
        "calibrated_on": {"images": [path.name for path in files], **on},
    }
    write_card(Card(facts), name, folder)
    return Card(facts)


def _empty(many: int) -> Iterator[tuple[Any, Any]]:
    """Give images without crystals, with their truth."""
    from ..analysis.hrtem.truth import truth
    from ..models.phantoms.varied import varied

    for number in range(many):
        phantom = varied(FIRST_NULL + number, null=True)
        arrays = {key: getattr(phantom, key) for key in ("phase_map", "grain_map", "spots")}
        yield phantom.image, truth({**arrays, "meta": np.array(json.dumps(phantom.meta))})


def _pictures(images: Sequence[tuple[Any, Any]], judge: Any) -> tuple[float, float]:
    """Threshold and F1 on pictures of the spectra of parts of images with truth."""
    from ..analysis.hrtem.marks import picture_logits
    from ..analysis.hrtem.pictures import pictures_with_truth
    from ..analysis.hrtem.score_pictures import best_threshold

    shown, places = pictures_with_truth(images, PICTURE)
    return best_threshold(list(picture_logits(shown, judge)), places)
