"""How the report of every technique ends: what has no result, and how the rest was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ... import __version__
from .page import Page

if TYPE_CHECKING:
    from ..batch.technique import Batch, Row


def without_result(page: Page, batch: Batch, rows: Iterable[Row], noun: str) -> None:
    """Name each file and each `noun` (frame, slice) that has no result, and why.

    `rows` are those of the technique's table, with `frame`, and `error` where there is one.
    """
    page.section("Without a result")
    items = batch.gathered.items
    why: list[tuple[Any, ...]] = [*batch.gathered.refused.items()]
    why += [(items[n].label, words) for n, words in sorted(batch.failed.items())]
    why += [(items[row["frame"]].label, row["error"]) for row in rows if row.get("error")]
    if why:
        page.table((f"file or {noun}", "why"), why)
    else:
        page.text(f"Every file could be read, and every {noun} was analysed.")
    if batch.gathered.others:
        page.text(f"{batch.gathered.others} files of other kinds were left alone.", "soft")


def made(page: Page, batch: Batch, files: Mapping[str, str]) -> None:
    """Link `files` (name: what is in it) that there are, and tell settings and versions."""
    page.section("How it was made")
    page.links({name: words for name, words in files.items() if (batch.out / name).is_file()})
    page.heading("Settings of the analysis")
    page.table(("setting", "value"), plainly(batch.settings))
    page.heading("Versions")
    page.table(("what", "which"), plainly({"beamside": __version__, **batch.made_by}))


def plainly(said: Mapping[Any, Any]) -> list[tuple[str, str]]:
    """A mapping as rows of a table."""
    return [(str(key), str(value)) for key, value in said.items()]
