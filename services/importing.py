"""`beamside models`: networks that others trained, and what is there."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..models.weights import SHIPPED, Card, WeightsError, read_card


def import_stardist(args: argparse.Namespace) -> int:
    """Convert a model of the official package `stardist`; print its card."""
    card = imported(args.folder, args.name or args.folder.resolve().name, args.out, args.sha256)
    _say(card, args.json)
    return 0


def imported(folder: Path, name: str, out: Path, sha256: str | None = None) -> Card:
    """Write `name.safetensors` and `name.json` of an official model into `out`.

    WeightsError says what is wrong with it.
    """
    try:
        from ..models.official import read_official
        from ..models.weights import save_stardist

        net, facts = read_official(folder, sha256)
        return save_stardist(net, facts, name, out)
    except ImportError as error:
        raise WeightsError(f"this needs {error.name}: pip install 'beamside[networks]'") from error


def show(args: argparse.Namespace) -> int:
    """Print the card of each network in a folder."""
    folder = args.folder or SHIPPED
    cards = sorted(folder.glob("*.json"))
    if not cards:
        raise WeightsError(
            f"{folder} holds no networks (NAME.json beside NAME.safetensors); without a folder, "
            "the shipped ones are shown"
        )
    for path in cards:
        _say(read_card(path.stem, folder), args.json)
    return 0


def _say(card: Card, as_json: bool) -> None:
    short = {key: value for key, value in card.facts.items() if key != "curve"}
    sys.stdout.write(json.dumps(short, indent=None if as_json else 1) + "\n")
