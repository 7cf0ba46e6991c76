"""One gatherer's share of one run: the results that it has folded, and what came of them."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..analysis import operators
from ..analysis.operators import AnalysisError, Operator, RunOperator
from ..analysis.selected import selected
from ..stream.errors import FileError, StreamError, WireError
from ..stream.framenumbers import Numbers
from ..stream.messages import Result, RunStart
from ..stream.spool import LogReader, Mark, Record, message_of
from ..stream.states import read_about, read_state, write_state
from .hand import Hand
from .logs import logger
from .pixels import calibration_of

log = logger("gathered")
START = Mark(0, 0)
TURN_S = 0.2
"""After so long the desk is heard again."""
MOST_CRASHES = 3
"""So often a result may kill the gatherer; then it is left out, and named."""
MOST_IN_ALL = 9
"""The same for all results of a run together; then nothing more is tried."""


@dataclass(slots=True)
class Fold:
    """What one thing that grows has become."""

    state: Any
    frames: Numbers = field(default_factory=Numbers)
    """The frames in it."""
    absent: Numbers = field(default_factory=Numbers)
    """Those that could not be folded."""
    left_out: Counter[str] = field(default_factory=Counter)
    """How many of them, by reason."""
    words: dict[str, str] = field(default_factory=dict)
    """Of the first of each reason."""

    def leave_out(self, numbers: Sequence[int], reason: str, words: str) -> None:
        """These frames can't be folded."""
        self.left_out[reason] += len(numbers)
        self.absent.add_ranges((number, number) for number in numbers)
        self.words.setdefault(reason, words[:500])

    def about(self) -> dict[str, Any]:
        """All but the state, in JSON."""
        return {
            "frames": self.frames.ranges(),
            "absent": self.absent.ranges(),
            "left_out": dict(self.left_out),
            "words": self.words,
        }


def fold_of(state: Any, about: Mapping[str, Any]) -> Fold:
    """A fold from its state and what `Fold.about` gave."""
    fold = Fold(state, left_out=Counter(about["left_out"]), words=dict(about["words"]))
    fold.frames.add_ranges(about["frames"])
    fold.absent.add_ranges(about["absent"])
    return fold


class Share:
    """Follows the log of one run, and folds every n-th result of it.

    What it has is saved beside the log from time to time: for its own successor, and for the first
    gatherer, which joins all shares.
    """

    def __init__(
        self, run: str, spool: Path, operator: Operator, *, place: tuple[int, int], limit_s: float
    ) -> None:
        """`place` is (which, of how many) gatherers; `limit_s` (0: none) is for one step."""
        self.run = run
        self.spool = spool
        self.start: RunStart | None = None
        self.at = START
        self.end = START
        self.over: Mark | None = None
        """Where the log has the last result of the run, once that is known."""
        self.folds: dict[str, Fold] = {}
        self.operators: dict[str, RunOperator] = {}
        self._me, self._of = place
        self._operator = operator
        self._log = LogReader(spool, "log")
        self._seen = Numbers()
        self._results = 0
        self._saved = START
        self._hand = Hand(spool / f"gathered-{self._me}of{self._of}.hand", limit_s or None)

    @property
    def behind(self) -> bool:
        """Whether there is something to read."""
        return self.at < self.end

    @property
    def through(self) -> bool:
        """Whether the last result of the run is read."""
        return self.over is not None and self.at >= self.over

    def turn(self) -> None:
        """Fold some of what is new; StreamError or OSError if the log can't be read."""
        if self.start is None and not self._begin():
            return
        until = time.monotonic() + TURN_S
        for mark, record in self._log.read(self.at, self.end):
            self._entry(record)
            self.at = mark
            if time.monotonic() > until:
                return
        self.at = self.end

    def _begin(self) -> bool:
        """Find the start of the run, and go on from what was saved."""
        for _, record in self._log.read(START, self.end):
            if record.kind == "start":
                record.check()
                start = message_of(record)
                assert isinstance(start, RunStart)  # noqa: S101  its kind says so
                self._prepare(start)
                return True
        return False

    def _prepare(self, start: RunStart) -> None:
        self.start = start
        self.operators = operators.over_run(self._operator, calibration_of(start.calibration))
        self.folds = {key: Fold(one.start()) for key, one in self.operators.items()}
        try:
            about, folds = self._read(self._me)
        except (FileError, OSError):
            return
        self.folds = folds
        self.at = self._saved = Mark(*about["at"])
        self._seen.add_ranges(about["seen"])
        self._results = int(about["results"])
        log.info("goes on", run=self.run, results=self._results)

    # what is in the log

    def _entry(self, record: Record) -> None:
        head = record.head
        if record.kind == "event":
            self._chosen(head.get("event"))
        if record.kind != "result" or head["error"] is not None or head.get("level") == "run":
            return
        numbers = [int(number) for number in head["frames"]]
        # of a batch that was analysed again after a crash, some frames may be known already
        fresh = [place for place, number in enumerate(numbers) if self._seen.add(number)]
        if not fresh:
            return
        self._results += 1
        if (self._results - 1) % self._of == self._me:
            self._take(record, numbers, fresh)

    def _chosen(self, event: Any) -> None:
        """Settings that a person chose hold from this place of the log on, for every gatherer.

        What has grown is taken over where it fits; what does not fit goes on as it was.
        """
        if not isinstance(event, Mapping) or event.get("event") != "settings":
            return
        if self.start is None or not is_dataclass(self._operator):
            return
        try:
            changes = {str(key): values[1] for key, values in event["changes"].items()}
            self._operator = replace(self._operator, **changes)
            calibration = calibration_of(self.start.calibration)
            grown = operators.over_run(self._operator, calibration)
        except (AttributeError, KeyError, TypeError, ValueError, LookupError) as error:
            log.warning("settings that can't be taken up", run=self.run, error=str(error))
            return
        for key, operator in grown.items():
            self._take_over(key, operator)

    def _take_over(self, key: str, operator: RunOperator) -> None:
        fold = self.folds.get(key)
        if fold is None:
            self.operators[key], self.folds[key] = operator, Fold(operator.start())
            return
        try:
            fold.state = operator.restore(self.operators[key].save(fold.state))
        except Exception as error:  # an author's code
            log.warning("goes on with its settings", run=self.run, key=key, error=repr(error))
        else:
            self.operators[key] = operator

    def _take(self, record: Record, numbers: Sequence[int], fresh: Sequence[int]) -> None:
        mine = [numbers[place] for place in fresh]
        try:
            record.check()
            result = message_of(record)
            assert isinstance(result, Result)  # noqa: S101  its kind says so
            said = result.data if len(fresh) == len(numbers) else selected(result.data, fresh)
        except WireError as error:
            for fold in self.folds.values():
                fold.leave_out(mine, "unreadable", str(error))
            return
        what = f"{record.place.segment}.{record.place.offset}"
        for key in self.folds:
            self._fold(key, what, said, mine)

    def _fold(self, key: str, what: str, said: xr.Dataset, numbers: Sequence[int]) -> None:
        """One step of one operator; whatever it does costs these frames in its own fold only."""
        fold = self.folds[key]
        if words := self.hopeless(key, what):
            fold.leave_out(numbers, "crashed", words)
            return
        try:
            with self._hand.holding(key, what):
                fold.state = self.operators[key].add(fold.state, said, numbers)
        except AnalysisError as error:
            fold.leave_out(numbers, "not_foldable", str(error))
        except (Exception, SystemExit) as error:
            log.warning("a result was left out", run=self.run, key=key, exc_info=True)
            fold.leave_out(numbers, "failed", f"{type(error).__name__}: {error}")
        else:
            fold.frames.add_ranges((number, number) for number in numbers)

    def hopeless(self, key: str, what: str) -> str:
        """Why something is not tried again, in words; empty if it is."""
        if self._hand.crashes[f"{key} {what}"] >= MOST_CRASHES:
            return f"its process died of it {MOST_CRASHES} times"
        if self._hand.of(key) >= MOST_IN_ALL:
            return f"its process died {MOST_IN_ALL} times in this run"
        return ""

    # what has grown

    def grown(self, key: str) -> tuple[Fold, xr.Dataset]:
        """All shares joined, and what they say; whatever the operator raises."""
        with self._hand.holding(key, "finish"):
            total = self._joined(key)
            return total, self.operators[key].finish(total.state)

    def joined_frames(self, key: str) -> Fold:
        """All shares' account of their frames, without the states."""
        total = Fold(None)
        for fold in self._shares(key):
            _count(total, fold)
        return total

    def _joined(self, key: str) -> Fold:
        one, *others = self._shares(key)
        total = Fold(one.state)
        _count(total, one)
        for fold in others:
            total.state = self.operators[key].merge(total.state, fold.state)
            _count(total, fold)
        return total

    def _shares(self, key: str) -> list[Fold]:
        shares = [self.folds[key]]
        for other in range(self._of):
            if other != self._me:
                with contextlib.suppress(FileError, OSError):  # it has nothing yet
                    shares.append(self._read(other)[1][key])
        return shares

    def others_through(self) -> bool:
        """Whether every other share has been saved with the last result of the run in it."""
        for other in range(self._of):
            if other == self._me:
                continue
            try:
                about = read_about(self._path(other))
                ours = about["operators"] == self._signatures()
                if not ours or self.over is None or Mark(*about["at"]) < self.over:
                    return False
            except (FileError, KeyError, TypeError):
                return False
        return True

    # what is saved

    @property
    def unsaved(self) -> bool:
        """Whether something was read since it was saved."""
        return self.at > self._saved

    def save(self) -> None:
        """Save what there is; OSError if the disk refuses."""
        arrays: dict[str, np.ndarray] = {}
        about: dict[str, Any] = {
            "at": [self.at.segment, self.at.offset],
            "seen": self._seen.ranges(),
            "results": self._results,
            "operators": self._signatures(),
            "folds": {key: fold.about() for key, fold in self.folds.items()},
        }
        for key, fold in self.folds.items():
            if words := self.hopeless(key, "save"):
                raise OSError(f"{key} can't be saved: {words}")
            with self._hand.holding(key, "save"):
                saved = self.operators[key].save(fold.state)
            arrays |= {f"{key}/{name}": np.asarray(array) for name, array in saved.items()}
        write_state(self._path(self._me), about, arrays)
        self._saved = self.at

    def _read(self, which: int) -> tuple[dict[str, Any], dict[str, Fold]]:
        """A share as it was saved; FileError if it was not, or for other operators than ours."""
        path = self._path(which)
        about, arrays = read_state(path)
        try:
            if about["operators"] != self._signatures():
                raise FileError(f"{path} is of other settings")
            folds = {}
            for key, operator in self.operators.items():
                own = {
                    name.removeprefix(f"{key}/"): array
                    for name, array in arrays.items()
                    if name.startswith(f"{key}/")
                }
                if words := self.hopeless(key, "restore"):
                    raise FileError(f"{path} is not restored: {words}")
                with self._hand.holding(key, "restore"):
                    folds[key] = fold_of(operator.restore(own), about["folds"][key])
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(f"{path} is no state of ours: {error!r}") from error
        return about, folds

    def _signatures(self) -> dict[str, str]:
        return {key: _signature(operator) for key, operator in self.operators.items()}

    def _path(self, which: int) -> Path:
        return self.spool / f"gathered-{which}of{self._of}.npz"

    def let_go(self) -> None:
        """Close the files; what is saved stays for a successor."""
        self._log.close()
        self._hand.close()

    def close(self) -> None:
        """Forget the run: it is closed."""
        self.let_go()
        with contextlib.suppress(OSError, StreamError):
            for file in self.spool.glob(f"gathered-{self._me}of{self._of}.*"):
                file.unlink()


def _signature(operator: RunOperator) -> str:
    """What a saved state is for: settings, and the library of phases that goes with them."""
    library = getattr(operator, "library", None)
    return f"{operator!r} {getattr(library, 'sha256', '')}".strip()


def _count(total: Fold, fold: Fold) -> None:
    total.frames.add_ranges(fold.frames.ranges())
    total.absent.add_ranges(fold.absent.ranges())
    total.left_out += fold.left_out
    for reason, words in fold.words.items():
        total.words.setdefault(reason, words)
