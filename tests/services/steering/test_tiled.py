"""A real Tiled server, where it is installed (`pip install "tiled[server]>=0.2.20"`)."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamside.services.steering import Feed

from .conftest import Service
from .test_analysis_run import run_of

pytest.importorskip("tiled.server.simple", reason="tiled is not installed")


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.filterwarnings("ignore")
def test_tiled_gives_numbers_arrays_and_images_of_a_run(
    service: Service, feed: Feed, tmp_path: Path
) -> None:
    from bluesky.callbacks.tiled_writer import TiledWriter
    from tiled.client import from_uri
    from tiled.server.simple import SimpleTiledServer

    data = tmp_path / "data"
    data.mkdir()
    with contextlib.closing(
        SimpleTiledServer(tmp_path / "catalogue", readable_storage=[str(data)])
    ) as server:
        client: Any = from_uri(server.uri)
        run_of(service, feed, data, TiledWriter(client))
        (run,) = client.values()
        assert run.metadata["start"]["raw_uid"] == "uid-of-the-raw-run"
        assert run.metadata["stop"]["exit_status"] == "success"
        scores = run["primary"]["score"].read()
        assert np.array_equal(scores, [0, 0.5, np.nan, 1.5], equal_nan=True)
        spectra = run["sharp_archive"]["sharp_spectrum"].read()
        assert spectra.tolist() == [[n] * 5 for n in (0.0, 1.0, 3.0)]
        assert run["images_archive"]["det"].shape == (4, 4, 4)
        client.context.close()
