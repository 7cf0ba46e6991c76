"""What every test of the house stands on."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three processes for two cores: a test of a whole service waits for a third of its time."""
    return max(2, 3 * (os.cpu_count() or 1) // 2)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a file stay in one process, which makes what they share once (`--dist loadgroup`).

    So do those of all that numba compiles. Tests of whole services are alone: each takes seconds.
    """
    for item in items:
        rooms = item.path.relative_to(Path(__file__).parent).parts
        if "particles" in str(item.path):
            item.add_marker(pytest.mark.xdist_group("particles"))
        elif rooms[0] != "system":
            item.add_marker(pytest.mark.xdist_group("/".join(rooms)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party test data beside the checkout; skips where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("third-party test data is absent: put it in ../shared/data")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_phases_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The phases that this machine's user has added are none of the tests' business."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(autouse=True)
def _fail_on_error_log(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    yield
    if request.node.get_closest_marker("expects_errors"):
        return
    errors = [r for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not errors, [r.getMessage() for r in errors]
