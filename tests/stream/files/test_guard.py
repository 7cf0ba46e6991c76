"""Third-party readers on a lead."""

from __future__ import annotations

import logging
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from beamside.stream.errors import FileError
from beamside.stream.files.guard import quiet, reading

PATH = Path("a.dm4")


@pytest.mark.parametrize(
    "error", [KeyError("x"), AssertionError(), OSError(5, "I/O"), RecursionError("deep")]
)
def test_any_failure_becomes_one_file_error_with_the_name(error: Exception) -> None:
    damaged = r"a\.dm4 can't be read as DM; it is damaged"
    with pytest.raises(FileError, match=damaged), reading(PATH, "DM"):
        raise error


def test_a_file_locked_by_its_writer_is_said_plainly() -> None:
    with pytest.raises(FileError, match="is being written"), reading(PATH, "DM"):
        raise BlockingIOError(11, "unable to lock file")


def test_our_own_error_goes_through_unchanged() -> None:
    mine = FileError("a.dm4: so and so")
    with pytest.raises(FileError) as caught, reading(PATH, "DM"):
        raise mine
    assert caught.value is mine


def test_what_a_reader_prints_logs_and_warns_of_is_swallowed(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with quiet():
        print("from the reader")  # noqa: T201
        warnings.warn("from the reader", stacklevel=1)
        logging.getLogger("tifffile").error("from the reader")
        np.int8(127) + np.int8(1)
    print("from us")  # noqa: T201
    assert capsys.readouterr().out == "from us\n"
    assert not caplog.records
    with pytest.warns(UserWarning, match="from us"):
        warnings.warn("from us", stacklevel=1)


def test_what_other_threads_print_meanwhile_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        other = threading.Thread(target=print, args=("from another",))
        other.start()
        other.join()
    assert capsys.readouterr().out == "from another\n"
