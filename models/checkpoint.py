"""A training that is not finished, kept in one file: the same training goes on from there.

safetensors with what goes with the arrays as JSON in its head: nothing in it is ever executed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .weights import WeightsError

if TYPE_CHECKING:
    import torch

    Arrays = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training is kept, and what decides it."""

    path: Path
    question: Mapping[str, Any]
    """All that decides what is learned, in JSON's types."""

    def get(self) -> tuple[Arrays, dict[str, Any]] | None:
        """Give arrays and facts of the training that was kept; None if there is none.

        WeightsError if it is another training's, or damaged.
        """
        import safetensors

        if not self.path.exists():
            return None
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                head = file.metadata() or {}
                question, facts = json.loads(head["question"]), json.loads(head["facts"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
            raise WeightsError(
                f"{self.path} should hold an unfinished training and can't be read ({error}): "
                "delete it to begin anew"
            ) from error
        self._same(question)
        return arrays, facts

    def put(self, arrays: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Keep a training, in place of what was kept before."""
        import safetensors.torch

        plain = {name: value.detach().contiguous().cpu() for name, value in arrays.items()}
        head = {"question": json.dumps(self.question), "facts": json.dumps(facts)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_name(self.path.name + ".new")
        new.write_bytes(safetensors.torch.save(plain, head))
        os.replace(new, self.path)

    def done(self) -> None:
        """Forget it."""
        self.path.unlink(missing_ok=True)

    def _same(self, there: Mapping[str, Any]) -> None:
        mine: dict[str, Any] = json.loads(json.dumps(self.question))
        for name in sorted(mine.keys() | there.keys()):
            if mine.get(name) != there.get(name):
                raise WeightsError(
                    f"{self.path} holds an unfinished training with {name} = {there.get(name)}, "
                    f"and {mine.get(name)} was asked for now: give the same settings to go on with "
                    "it, another --out, or delete that file to begin anew"
                )
