from __future__ import annotations

import gc
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from beamside.services.steering import Feed
from beamside.services.steering.queueserver import QueueAgent
from beamside.services.steering.waiting import Waiting

from .conftest import Service
from .test_reading import soon, started

PLAN = {"name": "visit", "args": [3]}


class Manager:
    """Keeps what is added; says no to plans called `forbidden`."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    def item_add(self, item: dict[str, Any]) -> dict[str, Any]:
        if item["name"] == "forbidden":
            return {"success": False, "msg": "Plan 'forbidden' is not in the list"}
        if item["name"] == "unreachable":
            raise TimeoutError("timeout occurred")
        self.items.append(item)
        return {"success": True}


def test_a_plan_is_added_when_a_result_calls_for_it_and_says_why(
    service: Service, feed: Feed
) -> None:
    manager = Manager()
    with QueueAgent(manager, feed, "score", lambda v: v > 20, PLAN, every_s=0, most=2) as agent:
        for n, score in enumerate([1.0, 30.0, float("nan"), 40.0, 50.0]):
            service.result("7", n, score)
        service.result("7", 9, 99.0, error="no light")
        assert soon(lambda: len(agent.added) == 2)
    whys = [item["meta"]["beamside"] for item in manager.items]
    assert [(why["run"], why["frame"]) for why in whys] == [("7", 1), ("7", 3)]
    assert whys[0]["values"] == {"score": 30.0}
    assert (manager.items[0]["item_type"], manager.items[0]["args"]) == ("plan", [3])


def test_plans_are_made_of_results_and_not_too_often(service: Service, feed: Feed) -> None:
    manager = Manager()
    made: list[int] = []

    def plan(result: Any, frame: int, value: float) -> dict[str, Any] | None:
        made.append(frame)
        return None if frame == 0 else {"name": "visit", "args": [value]}

    with QueueAgent(manager, feed, "score", lambda v: True, plan, every_s=60) as agent:
        for n in range(4):
            service.result("7", n, float(n))
        assert soon(lambda: agent._heard.empty() and len(made) == 2)
    assert [item["args"] for item in manager.items] == [[1.0]]


def test_an_agent_ends_though_a_suggestion_waits_for_a_person(service: Service, feed: Feed) -> None:
    class Undecided:
        """A wheel in mode advise, and nobody looks at the page."""

        def hindrance(self) -> str:
            return ""

        def ask(self, told: Any) -> Waiting:
            return Waiting()

    agent = QueueAgent(Manager(), feed, "score", lambda v: True, PLAN, wheel=Undecided())  # type: ignore[arg-type]
    with agent:
        service.result("7", 0, 30.0)
        assert soon(lambda: agent._heard.empty())
    assert not agent.added


@pytest.mark.parametrize(
    ("name", "words"), [("forbidden", "not in the list"), ("unreachable", "timeout")]
)
def test_a_queue_server_that_refuses_or_is_gone_is_told_of_and_tried_again(
    service: Service, feed: Feed, name: str, words: str
) -> None:
    agent = QueueAgent(Manager(), feed, "score", lambda v: True, {"name": name}, every_s=0)
    with agent:
        service.result("7", 0, 1.0)
        service.result("7", 1, 1.0)
        assert soon(lambda: len(agent.failed) == 2)
    assert words in agent.failed[0]
    assert not agent.added


STARTUP = """
from bluesky import Msg, RunEngine
import bluesky.plan_stubs as bps

RE = RunEngine({})
RE.subscribe(lambda name, doc: open(%r, "a").write(str(doc.get("beamside")) + "\\n"), "start")


def visit(place: float):
    yield from bps.open_run()
    yield from bps.close_run()
"""


def _program(module: str, function: str) -> list[str]:
    code = f"from bluesky_queueserver.manager.{module} import {function} as main; main()"
    return [sys.executable, "-W", "ignore", "-c", code]


def _idle(manager: Any) -> bool:
    try:
        return bool(manager.status()["manager_state"] == "idle")
    except manager.RequestTimeoutError:  # it starts still
        return False


def _close_contexts() -> None:
    """The queue server's client leaves its ZeroMQ contexts open."""
    for one in gc.get_objects():
        if type(one) is zmq.Context and one is not zmq.Context.instance() and not one.closed:
            one.destroy(0)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def queue_server(tmp_path: Path) -> Iterator[str]:
    """A real queue server with a real Redis; gives its control address."""
    pytest.importorskip(
        "bluesky_queueserver_api", reason="the extra `queueserver` is not installed"
    )
    redis = shutil.which("redis-server")
    if redis is None:
        pytest.skip("redis-server is not installed")
    import bluesky_queueserver

    permissions = Path(bluesky_queueserver.__file__).parent / "profile_collection_sim"
    startup = tmp_path / "startup.py"
    startup.write_text(STARTUP % str(tmp_path / "starts"))
    ports = [free_port() for _ in range(3)]
    address = f"tcp://127.0.0.1:{ports[1]}"
    script = ("--startup-script", str(startup))
    lists = _program("gen_lists", "gen_list_of_plans_and_devices_cli")
    subprocess.run([*lists, *script, "--file-dir", str(tmp_path)], check=True)
    keep: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    keep["cwd"] = tmp_path
    store = [redis, "--port", str(ports[0]), "--save", "", "--bind", "127.0.0.1"]
    processes = [
        subprocess.Popen(store, **keep),
        subprocess.Popen(
            [*_program("start_manager", "start_manager"), *script,
             "--existing-plans-devices", str(tmp_path / "existing_plans_and_devices.yaml"),
             "--user-group-permissions", str(permissions / "user_group_permissions.yaml"),
             "--zmq-control-addr", address, "--redis-addr", f"127.0.0.1:{ports[0]}",
             "--zmq-info-addr", f"tcp://127.0.0.1:{ports[2]}"],
            **keep, env={**os.environ, "PYTHONWARNINGS": "ignore"},
        ),
    ]  # fmt: skip
    yield address
    for process in reversed(processes):
        process.terminate()
        process.wait(15)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.filterwarnings("ignore")
def test_a_real_queue_server_does_what_a_result_called_for(
    service: Service, feed: Feed, queue_server: str, tmp_path: Path
) -> None:
    from bluesky_queueserver_api.zmq import REManagerAPI

    manager = REManagerAPI(zmq_control_addr=queue_server, request_fail_exceptions=False)
    assert soon(lambda: _idle(manager), 60)
    manager.environment_open()
    manager.wait_for_idle(timeout=60)
    started(service, feed)
    with QueueAgent(manager, feed, "score", lambda v: v > 20, PLAN) as agent:
        service.result("7", 4, 30.0)
        assert soon(lambda: agent.added or agent.failed, 20)
        assert not agent.failed
    manager.queue_start()
    assert soon(lambda: (tmp_path / "starts").exists(), 30)
    assert soon(lambda: manager.status()["items_in_history"] == 1, 30)
    manager.environment_close()
    manager.wait_for_idle(timeout=60)
    manager.close()
    _close_contexts()
    assert "'frame': 4" in (tmp_path / "starts").read_text()
