from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from beamside.services.hand import Hand

WORK = """
import os, sys, time
from pathlib import Path
from beamside.services.hand import Hand
hand = Hand(Path(sys.argv[1]), 0.2)
with hand.holding("map", "0.17"):
    pass
with hand.holding("map", "0.99"):
    {}
"""


def died(path: Path, how: str) -> int:
    return subprocess.run(
        [sys.executable, "-c", WORK.format(how), str(path)], check=False, capture_output=True
    ).returncode


def test_what_was_in_hand_is_blamed_for_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "hand"
    for times in (1, 2):
        assert died(path, "os.abort()") == -6
        hand = Hand(path, None)
        assert hand.crashes == {"map 0.99": times}
        assert hand.of("map") == times
        assert hand.of("ma") == 0
        hand.close()


def test_what_hangs_is_ended_and_blamed(tmp_path: Path) -> None:
    path = tmp_path / "hand"
    assert died(path, "time.sleep(20)") == -14
    assert Hand(path, None).crashes == {"map 0.99": 1}


def test_an_error_is_no_crash(tmp_path: Path) -> None:
    hand = Hand(tmp_path / "hand", None)
    with pytest.raises(ValueError, match="no"), hand.holding("map", "0.1"):
        raise ValueError("no")
    hand.close()
    assert not Hand(tmp_path / "hand", None).crashes
