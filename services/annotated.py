"""A folder of pictures that somebody annotated: outlines from VIA, or images of labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..analysis.particles.drawing import draw
from ..stream.decompress import decode
from ..stream.errors import FileError
from ..stream.files import KNOWN_SUFFIXES, open_file
from ..stream.files.via import Outlines, is_via, outlines

LABEL_FOLDERS = ("labels", "masks")
"""Beside `images`: the same names, pixels are numbers of particles."""
LABEL_ENDINGS = ("_labels", ".labels", "_mask", "_masks")
"""Of the name of an image of labels that lies beside its picture."""
HOW = (
    "give a folder with a VIA JSON beside the pictures; or with folders `images` and `labels` of "
    "files of the same names; or with NAME_labels.tif beside NAME.tif"
)


@dataclass(frozen=True)
class Annotated:
    """One picture and its particles."""

    name: str
    image: np.ndarray
    """[y, x], grey"""
    labels: np.ndarray
    """int32 [y, x], 0 background"""


def annotated(folder: Path) -> list[Annotated]:
    """Read all annotated pictures of `folder`; FileError says what is wrong, and what is expected.

    A picture without any particle counts: it says where there are none.
    """
    if not folder.is_dir():
        raise FileError(f"{folder}: no such folder")
    found = [*_drawn(folder), *_labelled(folder)]
    if not found:
        raise FileError(f"{folder} holds no annotated picture: {HOW}")
    if not any(one.labels.any() for one in found):
        raise FileError(f"none of the {len(found)} pictures in {folder} shows a particle")
    return found


def _drawn(folder: Path) -> Iterator[Annotated]:
    for path in sorted(folder.glob("*.json")):
        if not is_via(path):
            continue
        said: Outlines = outlines(path)
        for name, polygons in said.items():
            picture = folder / name
            if not picture.is_file():
                raise FileError(f"{path} speaks of {name}, which isn't in {folder}")
            image = _image(picture)
            labels = np.zeros(image.shape, np.int32)
            for number, polygon in enumerate(polygons, 1):
                labels[draw(polygon[None], image.shape) > 0] = number
            yield Annotated(name, image, labels)


def _labelled(folder: Path) -> Iterator[Annotated]:
    for picture, labels in _pairs(folder):
        image, numbers = _image(picture), _image(labels)
        if image.shape != numbers.shape:
            raise FileError(f"{picture} is {image.shape} and {labels} {numbers.shape}")
        if numbers.dtype.kind not in "ui":
            raise FileError(f"{labels}: labels must be whole numbers, not {numbers.dtype}")
        yield Annotated(picture.name, image, numbers.astype(np.int32))


def _pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    for name in LABEL_FOLDERS:
        known = {path.stem: path for path in _pictures(folder / name)}
        for picture in _pictures(folder / "images"):
            if picture.stem in known:
                yield picture, known[picture.stem]
    beside = {path.stem: path for path in _pictures(folder)}
    for stem, path in beside.items():
        for ending in LABEL_ENDINGS:
            if stem.endswith(ending) and stem.removesuffix(ending) in beside:
                yield beside[stem.removesuffix(ending)], path


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in KNOWN_SUFFIXES)


def _image(path: Path) -> np.ndarray:
    with open_file(path, source="annotated") as file:
        if file.count != 1:
            raise FileError(f"{path} holds {file.count} images; give files of one")
        return decode(next(iter(file.read(0).channels.values())))
