"""`beamside check`: builds everything, binds nothing, and says all that is wrong."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import orjson

from ..analysis import operators
from ..stream.errors import FileError
from ..stream.urls import SEPARATOR, parse_url
from . import doors
from .complaints import WRONG
from .library import gifts
from .settings import Settings, SettingsError, assignment, load, merge


def check(args: argparse.Namespace) -> int:
    """Say what is wrong with an instrument's settings, or that nothing is."""
    problems: list[str] = []
    try:
        over = merge([assignment(text) for text in args.assignments])
        settings = load(args.instrument, over)
        problems = [
            *_source(settings),
            *_analysis(settings),
            *_archive(settings),
            *doors.problems(settings),
        ]
    except SettingsError as error:
        problems = str(error).splitlines()
    if args.json:
        said = {"ok": not problems, "problems": problems, "analyses": operators.names()}
        sys.stdout.write(orjson.dumps(said).decode() + "\n")
    else:
        for problem in problems:
            sys.stderr.write(f"beamside: {problem}\n")
        if not problems:
            sys.stdout.write(f"{args.instrument} is fine\n")
    return WRONG if problems else 0


def _source(settings: Settings) -> list[str]:
    url = parse_url(settings.source.url)
    try:
        if url.kind == "sim":
            from .simulator import simulation

            simulation(dict(url.options))
        elif url.kind == "watch" and not Path(url.address).is_dir():
            return [f"source.url: {url.address} is no folder; make it first"]
        elif url.kind == "file":
            missing = [path for path in url.address.split(SEPARATOR) if not Path(path).exists()]
            return [f"source.url: {path}: no such file" for path in missing]
    except (ValueError, FileError) as error:
        return [f"source.url: {error}"]
    return []


def _analysis(settings: Settings) -> list[str]:
    analysis = settings.analysis
    if not analysis.workers:
        return []
    try:
        operators.load(analysis.name, analysis.settings, gifts(analysis.phases))
    except (LookupError, ValueError, TypeError, ImportError, FileError) as error:
        return [f"analysis: {error.args[0] if error.args else error}"]
    return []


def _archive(settings: Settings) -> list[str]:
    if not settings.archive.enabled:
        return []
    folder = settings.archive.folder.resolve()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir():
        return [f"archive.folder: {there} is a file; name a folder"]
    if not os.access(there, os.W_OK):
        return [f"archive.folder: {there} can't be written to by this user"]
    return []
