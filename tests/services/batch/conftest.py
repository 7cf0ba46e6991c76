"""A folder as a microscope leaves it: good frames, doubtful ones, damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from beamside.models.phantoms.hrtem import make
from beamside.tests.stream.files.test_dm import THUMBNAIL, picture, write

SIZE = 384
PIXEL = 0.03


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three calibrated frames of one magnification."""
    folder = tmp_path_factory.mktemp("phantoms")
    for seed in (1, 2, 3):
        make(seed, (SIZE, SIZE), dose=2000.0, n_grains=3).save(folder / f"grains {seed}.npz")
    return folder


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory, phantoms: Path) -> Path:
    """A calibrated dm4, a JPEG in colour, one not square, what can't be analysed or read."""
    pytest.importorskip("ncempy")
    folder = tmp_path_factory.mktemp("mixed")
    good = (phantoms / "grains 1.npz").read_bytes()
    with np.load(phantoms / "grains 1.npz") as file:
        gatan = file["image"].astype("<u2")
    write(folder / "a.dm4", THUMBNAIL, picture(gatan, (PIXEL, PIXEL)))
    (folder / "cut.npz").write_bytes(good[: len(good) // 2])
    with np.load(phantoms / "grains 2.npz") as file:
        image = file["image"]
    grey = np.clip(image / image.max() * 255, 0, 255).astype(np.uint8)
    inner = folder / "inner"
    inner.mkdir()
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(inner / "colour.jpg", quality=85)
    Image.fromarray(grey[:301, :]).save(inner / "oblong.png")
    Image.fromarray(grey[:20, :20]).save(inner / "tiny.png")
    (inner / "no tiff.tif").write_bytes(b"II*\0 but nothing else")
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_bytes(b"")
    return folder
