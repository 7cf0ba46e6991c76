"""What is said of commands that make networks, or take those of others."""

from __future__ import annotations

from pathlib import Path

from .options import Commands, json_option, lazy


def train(commands: Commands) -> None:
    """Add `beamside train`."""
    sub = commands.add_parser(
        "train",
        help="a network, from generated data alone or from your own pictures",
        description="Train a network on data that are generated as they are needed, never on "
        "real ones, and write its weights and its card. The same seed gives the same weights on "
        "the same machine. With --data, nmc-stardist goes on learning from your own annotated "
        "pictures until those that are held back get no better.",
    )
    sub.add_argument(
        "network", choices=("hrtem-unet", "hrtem-pictures", "nmc-stardist"), help="which"
    )
    sub.add_argument("--steps", type=int, help="of the training (default: by network)")
    sub.add_argument(
        "--samples", type=int, help="hrtem-*: spectra in all (default: 40 or 24 a step)"
    )
    sub.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="nmc-stardist: pictures with outlines (VIA JSON) or images of labels "
        "(images/ and labels/, or NAME_labels.tif beside NAME.tif)",
    )
    sub.add_argument("--name", help="with --data: of the new network (default: by folder)")
    sub.add_argument("--seed", type=int, default=1, help="of all that is random (default 1)")
    sub.add_argument(
        "--out", type=Path, default=Path("weights"), metavar="DIR", help="default: weights"
    )
    sub.add_argument("--quick", action="store_true", help="a tiny run, to try the machinery")
    sub.add_argument(
        "--validate",
        type=Path,
        nargs="+",
        default=[],
        metavar="TRUTH.npz",
        help="hrtem-*: images with truth that fix temperature and thresholds",
    )
    json_option(sub)
    sub.set_defaults(command=lazy("training", "command"))


def models(commands: Commands) -> None:
    """Add `beamside models`."""
    sub = commands.add_parser(
        "models",
        help="networks that others trained, and what is there",
        description="Read networks of other packages into beamside's form: weights as "
        "safetensors and a card that says what they are.",
    )
    actions = sub.add_subparsers(metavar="ACTION", required=True)
    take = actions.add_parser(
        "import-stardist",
        help="a model of the official package stardist",
        description="Read config.json, weights_best.h5 and thresholds.json of an official "
        "StarDist 2D model (tensorflow is not needed) and write NAME.safetensors and NAME.json.",
    )
    take.add_argument("folder", type=Path, metavar="DIR", help="of the official model")
    take.add_argument("--name", help="of the network (default: the folder's)")
    take.add_argument(
        "--out", type=Path, default=Path("weights"), metavar="DIR", help="default: weights"
    )
    take.add_argument("--sha256", metavar="HEX", help="of the weights file, where it is known")
    json_option(take)
    take.set_defaults(command=lazy("importing", "import_stardist"))
    show = actions.add_parser("show", help="the cards of the networks in a folder")
    show.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="default: the shipped")
    json_option(show, "one JSON object a line")
    show.set_defaults(command=lazy("importing", "show"))
