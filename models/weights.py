"""Networks on disk: weights as safetensors, and a card (JSON) that says what they are.

The card holds the sha256 of the weights; weights that are not those of their card are refused.
Nothing in either file is ever executed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import nn

    from .stardist import StarDist
    from .unet import UNet

    Network = TypeVar("Network", bound=nn.Module)

SHIPPED = Path(__file__).with_name("weights")
"""Folder of the networks that come with beamside."""
LARGEST = 64 * 2**20
"""Bytes of weights that are read."""


class WeightsError(ValueError):
    """These weights can't be used; the text says why, and what to do."""


@dataclass(frozen=True)
class Card:
    """What a network is, what it has learned from, and how good it is."""

    facts: dict[str, Any]
    """All of the card: name, network, width, generator, recipe, metrics, ..."""

    @property
    def sha256(self) -> str:
        """Of the weights: names the network wherever its answers are kept."""
        return str(self.facts["sha256"])

    def number(self, *path: str) -> float:
        """Give the number at `path` of the card; WeightsError where there is none."""
        value: Any = self.facts
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WeightsError(
                f"the card of {self.facts.get('name')} has no {' '.join(path)}: the network was "
                "trained, but not calibrated yet"
            )
        return float(value)


def read_card(name: str, folder: Path = SHIPPED) -> Card:
    """Read the card of the network `name`; nothing heavy is imported for it."""
    path = folder / f"{name}.json"
    try:
        facts = json.loads(path.read_text())
    except FileNotFoundError as error:
        there = ", ".join(sorted(p.stem for p in folder.glob("*.json"))) or "none"
        raise WeightsError(f"no network {name!r} in {folder}; there are: {there}") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: {error}") from error
    if not isinstance(facts, dict) or not {"sha256", "network"} <= set(facts):
        raise WeightsError(f"{path} is no card of a network: sha256 and network must be in")
    return Card(facts)


def load(name: str, folder: Path = SHIPPED) -> tuple[UNet, Card]:
    """Load a U-Net with its card; WeightsError if they don't belong together."""
    from .unet import UNet

    card = read_card(name, folder)
    content = _verified(card, folder / f"{name}.safetensors")
    _expect(card, "unet")
    net = UNet(int(card.number("width")))
    return _filled(net, content, "a U-Net of its card's width"), card


def load_stardist(name: str, folder: Path = SHIPPED) -> tuple[StarDist, Card]:
    """Load a StarDist network with its card; WeightsError if they don't belong together."""
    from .stardist import StarDist, configured

    card = read_card(name, folder)
    content = _verified(card, folder / f"{name}.safetensors")
    _expect(card, "stardist")
    try:
        net = StarDist(configured(card.facts["config"]))
    except (KeyError, ValueError) as error:
        raise WeightsError(f"the card of {name} describes no StarDist network: {error}") from error
    return _filled(net, content, "a StarDist network of its card's configuration"), card


def _verified(card: Card, path: Path) -> bytes:
    """Read the weights of `card`; WeightsError if they are others."""
    try:
        if path.stat().st_size > LARGEST:
            raise WeightsError(f"{path} has more than {LARGEST} bytes: these are no such weights")
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.sha256:
        raise WeightsError(
            f"{path} has sha256 {digest}, but its card says {card.sha256}: it is "
            "damaged or another network's; take both files from the same place"
        )
    return content


def _expect(card: Card, kind: str) -> None:
    if card.facts["network"] != kind:
        raise WeightsError(
            f"{card.facts.get('name')} is a network of the kind {card.facts['network']!r}, "
            f"but {kind!r} is needed here"
        )


def _filled(net: Network, content: bytes, what: str) -> Network:
    import safetensors.torch

    try:
        net.load_state_dict(safetensors.torch.load(content))
    except (RuntimeError, ValueError, safetensors.SafetensorError) as error:
        raise WeightsError(f"the weights don't fit {what}: {error}") from error
    return net.eval()


def save(net: UNet, facts: dict[str, Any], name: str, folder: Path) -> Card:
    """Write weights and card into `folder`; `facts` are what the card says beside the hash."""
    return _save(net, {"network": "unet", "width": net.width}, facts, name, folder)


def save_stardist(net: StarDist, facts: dict[str, Any], name: str, folder: Path) -> Card:
    """Write weights and card of a StarDist network into `folder`, as `save` does."""
    kind = {"network": "stardist", "config": net.config.facts()}
    return _save(net, kind, facts, name, folder)


def _save(
    net: nn.Module, kind: dict[str, Any], facts: dict[str, Any], name: str, folder: Path
) -> Card:
    import safetensors.torch

    state = {key: value.detach().contiguous().cpu() for key, value in net.state_dict().items()}
    content = safetensors.torch.save(state)
    digest = hashlib.sha256(content).hexdigest()
    card = Card({"name": name, **kind, "sha256": digest, **facts})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.safetensors").write_bytes(content)
    write_card(card, name, folder)
    return card


def write_card(card: Card, name: str, folder: Path) -> None:
    """Write a card, for people to read too."""
    text = json.dumps(card.facts, indent=1, allow_nan=False)
    (folder / f"{name}.json").write_text(text + "\n")
