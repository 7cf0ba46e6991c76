"""The process that may be lost: it runs cases of one target, and says after some how it is.

    python -m beamside.tests.faults.cases TARGET SEED FIRST LAST DIARY [--case FILE]

Before each case its number goes into the file DIARY, so that who watches knows which case it was
that ended the process or never came to an end. On stdout one JSON line for every REPORT cases, and
one for each case that failed. With `--case` the bytes of one case are run, as they were kept.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import resource
import struct
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from . import mutate, seeds, targets

REPORT = 500
Case = Callable[[int], bytes]
"""The bytes of a case, from its number."""


MEMORY = 4 << 30
"""Bytes of address space that a case may ask for: a stranger's claim shall not be believed."""


def main(arguments: list[str]) -> int:
    """Run the cases FIRST..LAST-1 of a target; what failed is said, not returned."""
    if "--case" in arguments:
        target, _, file = arguments[-3:]
        targets.TARGETS[target](Path(file).read_bytes())
        return 0
    target, seed, first, last, diary = arguments
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder, open(diary, "r+b") as opened:
        page = mmap.mmap(opened.fileno(), 8)
        make, run = prepared(target, int(seed), Path(folder))
        _run(range(int(first), int(last)), make, run, page)
    return 0


def prepared(target: str, seed: int, folder: Path) -> tuple[Case, targets.Target]:
    """Give how the cases of a target are made and run; files are spoilt within `folder`."""
    if target in seeds.WIRES:
        return lambda n: mutate.join(mutate.mutant(target, seed, n)), targets.TARGETS[target]
    suffix = f".{target}"
    goods = []
    for variant in range(4):
        beside = folder / str(variant)
        beside.mkdir(parents=True)
        path = seeds.write_file(suffix, beside, variant)
        goods.append((path, path.read_bytes()))

    def make(number: int) -> bytes:
        return mutate.spoil_file(goods[number % len(goods)][1], seed, target, number)

    # spoilt where the good one was: a master finds the segments beside it
    return make, partial(_in_place, [path for path, _ in goods])


def _in_place(paths: list[Path], data: bytes, number: int = 0) -> Counter[str]:
    from beamside.stream.files import open_file

    path = paths[number % len(paths)]
    path.write_bytes(data)
    return targets.read_file(path, open_file)


def _run(numbers: range, make: Case, run: Any, page: mmap.mmap) -> None:
    told: Counter[str] = Counter()
    for number in numbers:
        page[:8] = struct.pack("<q", number)
        data = make(number)
        try:
            told += run(data, number) if isinstance(run, partial) else run(data)
        except Exception as error:  # whatever it is, the next case is tried too
            where = traceback.format_exc()[-1500:]
            _say({"failed": number, "error": f"{type(error).__name__}: {error}"[:300], "at": where})
        if (number + 1 - numbers.start) % REPORT == 0 or number == numbers[-1]:
            _say({"done": number + 1, "rss": resident(), "told": told})
            told.clear()


def resident() -> int:
    """Bytes of memory that this process holds, after what can be let go is let go."""
    gc.collect()
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _say(words: dict[str, Any]) -> None:
    print(json.dumps(words), flush=True)  # noqa: T201  the protocol with who watches


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
