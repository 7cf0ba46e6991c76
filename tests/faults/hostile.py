"""Strangers: mutated messages against every decoder, spoilt files, and the service under siege.

    make hostile                             100,000 mutants for each decoder and for the service
    python -m beamside.tests.faults.hostile --short    5,000 in all, for CI: below half a minute
    ... --seed 7 --messages 20000 --only dectris,siege     other cases, some of the targets

Ends with one JSON line: tried, survived, lost (good frames), seconds, refused by reason. The exit
code is 0 only if all survived and nothing was lost. A case that fails is kept in a folder, as its
bytes and with the command that runs it again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import seeds
from .siege import Siege, besiege
from .targets import TARGETS
from .watch import Verdict, Watch

LONG, SHORT = 100_000, 600
"""Mutants for each decoder; the service gets as many, or SHORT_SIEGE."""
SHORT_SIEGE = 2_000
FILES_PER = 50
"""Of so many mutants, one is a file of each kind: a file takes that much longer."""
SIEGES = {"siege": "dectris", "siege-stream2": "stream2", "siege-beamside": "beamside"}
"""The service on each wire."""
GOOD_PER = 50
"""Messages of strangers to one good frame."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 0 if everything survived."""
    args = _arguments(argv)
    began = time.monotonic()
    messages = args.messages or (SHORT if args.short else LONG)
    known = [*TARGETS, *SIEGES]
    wanted = args.only.split(",") if args.only else known[: -2 if args.short else None]
    if unknown := set(wanted) - set(known):
        sys.stderr.write(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}\n")
        return 2
    verdicts = _decoders([t for t in TARGETS if t in wanted], args.seed, messages, args.kept)
    besieged = SHORT_SIEGE if args.short and not args.messages else messages
    sieges = [_besieged(name, args.seed, besieged) for name in SIEGES if name in wanted]
    all_of_them: list[Verdict | Siege] = [*verdicts, *sieges]
    failures = [words for one in all_of_them for words in one.failures]
    for words in failures:
        sys.stderr.write(f"FAILED {words}\n")
    tried = sum(one.tried for one in all_of_them)
    survived = sum(one.survived for one in all_of_them)
    lost = sum(one.lost for one in sieges)
    told = sum((one.told for one in verdicts), Counter()) + sum(
        (one.refused for one in sieges), Counter()
    )
    accepted = told.pop("accepted", 0)
    summary = {
        "harness": "hostile",
        "tried": tried,
        "survived": survived,
        "lost": lost,
        "seconds": round(time.monotonic() - began, 1),
        "seed": args.seed,
        "accepted": accepted,
        "refused": dict(told.most_common()),
    }
    sys.stdout.write(json.dumps(summary) + "\n")
    return 0 if lost == 0 and survived == tried and not failures else 1


def _decoders(wanted: Sequence[str], seed: int, messages: int, kept: Path) -> list[Verdict]:
    cases = {t: messages if t in seeds.WIRES else max(10, messages // FILES_PER) for t in wanted}
    with ThreadPoolExecutor(2) as pool:  # each waits for a process of its own
        return list(pool.map(_told, [Watch(t, seed, 0, last, kept) for t, last in cases.items()]))


def _besieged(name: str, seed: int, messages: int) -> Siege:
    # on the wires that fewer speak, fewer do
    several = messages if name == "siege" else max(1000, messages // 10)
    siege = besiege(SIEGES[name], seed, several, max(50, several // GOOD_PER))
    _say(name, siege)
    return siege


def _told(watch: Watch) -> Verdict:
    verdict = watch.run()
    _say(verdict.target, verdict)
    return verdict


def _say(name: str, one: Verdict | Siege) -> None:
    sys.stderr.write(f"{name}: {one.survived} of {one.tried} survived\n")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hostile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="of all mutants (default 1)")
    parser.add_argument("--messages", type=int, help=f"for each decoder (default {LONG})")
    parser.add_argument(
        "--short",
        action="store_true",
        help=f"{SHORT} for each decoder, {SHORT_SIEGE} for the service",
    )
    parser.add_argument("--only", help=f"some of {','.join([*TARGETS, *SIEGES])}")
    parser.add_argument(
        "--kept", type=Path, default=Path("build/hostile"), help="folder for cases that fail"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
