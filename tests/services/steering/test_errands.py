from __future__ import annotations

import gc
import threading
import time

from beamside.services.steering.errands import Errands


def test_errands_are_done_one_after_the_other_by_one_thread_that_goes_with_its_owner() -> None:
    errands = Errands("the porter")
    done: list[tuple[int, int]] = []
    over = threading.Event()
    for n in range(5):
        errands.run(lambda n=n: done.append((n, threading.get_ident())))  # type: ignore[misc]
    errands.run(over.set)
    assert over.wait(10)
    assert [n for n, _ in done] == list(range(5))
    assert len({thread for _, thread in done}) == 1
    del errands
    gc.collect()
    until = time.monotonic() + 10
    while any(thread.name == "the porter" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.005)
