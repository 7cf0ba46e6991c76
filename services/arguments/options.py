"""Options that many commands have, and commands that are imported only when they run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Parser: TypeAlias = argparse.ArgumentParser
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def lazy(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    """A command whose code is imported when it runs, so that --help is quick."""

    def command(args: argparse.Namespace) -> int:
        from importlib import import_module

        run: Callable[[argparse.Namespace], int] = getattr(
            import_module(f"beamside.services.{module}"), function
        )
        return run(args)

    return command


def json_option(
    sub: Parser, help: str = "print one JSON object as the last line on stdout"
) -> None:
    """`--json`: for programs instead of people."""
    sub.add_argument("--json", action="store_true", help=help)


def set_option(sub: Parser, help: str) -> None:
    """`--set KEY=VALUE`, as often as wanted."""
    sub.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="assignments", help=help
    )


def service_options(sub: Parser) -> None:
    """What every command that runs a service may be given."""
    set_option(sub, "one setting, e.g. analysis.workers=2 (again for more)")
    sub.add_argument("--archive", type=Path, metavar="FOLDER", help="where the archive goes")
    sub.add_argument("--port", type=int, help="of the page (0: any free port)")
    sub.add_argument("--no-page", action="store_true", help="serve no page")
    json_option(sub)
