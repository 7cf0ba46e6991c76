"""What may be reached from another machine, who may listen, and the command that says so."""

from __future__ import annotations

import contextlib
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import zmq

from beamside.services import doors, notices
from beamside.services.cli import main
from beamside.services.doors import Door, lock_of
from beamside.services.ports import is_local, is_loopback
from beamside.services.settings import Settings, SettingsError, load
from beamside.stream.curve import Key
from beamside.stream.errors import KeyFileError
from beamside.stream.keyfiles import allowed_keys, make_pair, read_public
from beamside.stream.sockets import open_socket

EVERYWHERE = "tcp://*:5560"
NOTICE = [orjson.dumps({"kind": "status"})]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder that `beamside keys make` made."""
    assert main(["keys", "make", str(tmp_path / "keys")]) == 0
    return tmp_path / "keys"


def settings(**sections: Any) -> Settings:
    return load(None, {"viewer": {"enabled": False}, **sections})


def test_the_command_makes_keys_for_their_owner_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    assert main(["keys", "make", str(keys)]) == 0
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in keys.iterdir()}
    assert modes["server.key_secret"] == modes["client.key_secret"] == 0o600
    assert modes["allowed"] == stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert allowed_keys(keys / "allowed") == {read_public(keys / "client.key")}
    said = capsys.readouterr().out
    assert f'keys = "{keys}"' in said
    assert "server_key=server.key&own_key=client.key_secret" in said


def test_a_second_listener_leaves_the_service_its_keys(keys: Path) -> None:
    before = (keys / "server.key_secret").read_bytes()
    assert main(["keys", "make", str(keys), "hutch-2"]) == 0
    assert (keys / "server.key_secret").read_bytes() == before
    assert len(allowed_keys(keys / "allowed")) == 2


def test_a_key_made_elsewhere_is_allowed_by_its_public_part_alone(
    keys: Path, tmp_path: Path
) -> None:
    make_pair(tmp_path / "elsewhere", "alice")
    for file, name in (("alice.key", None), ("alice.key_secret", "by-mistake")):
        more = ["--name", name] if name else []
        assert main(["keys", "allow", str(keys), str(tmp_path / "elsewhere" / file), *more]) == 0
    assert "secret" not in (keys / "allowed" / "by-mistake.key").read_text()
    assert read_public(tmp_path / "elsewhere/alice.key") in allowed_keys(keys / "allowed")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["make", "{keys}"], "client.key_secret: is there already"),
        (["make", "{keys}", "server"], "the service's own key"),
        (["make", "{keys}", "../x"], "a key's name has"),
        (["allow", "{keys}/no", "{keys}/client.key"], "run: beamside keys make"),
        (["allow", "{keys}", "{keys}/nobody.key"], "nobody.key: can't be read"),
        (["allow", "{keys}", "{keys}/client.key"], "allowed/client.key: is there already"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(
    keys: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", *(argument.format(keys=keys) for argument in arguments)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


# what the settings may say


@pytest.mark.parametrize("endpoint", [EVERYWHERE, "tcp://0.0.0.0:1", "tcp://eth0:1", "tcp://h:*"])
def test_results_leave_the_machine_only_locked_or_by_word(endpoint: str, keys: Path) -> None:
    with pytest.raises(SettingsError, match="beamside keys make") as refused:
        settings(bus={"results": endpoint})
    assert str(refused.value).startswith(f"bus.results = '{endpoint}': other machines")
    locked = settings(bus={"results": endpoint}, security={"keys": keys})
    assert doors.results_door(locked) == Door(endpoint, lock_of(keys))
    by_word = settings(bus={"results": endpoint}, security={"unencrypted": True})
    assert doors.results_door(by_word) == Door(endpoint)
    assert "not encrypted" in doors.warnings(by_word)[0]
    both = settings(bus={"results": endpoint}, security={"keys": keys, "unencrypted": True})
    assert doors.results_door(both) == Door(endpoint, lock_of(keys))


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:5560", "tcp://localhost:*", "ipc:///run/x"])
def test_results_on_this_machine_need_nothing(endpoint: str) -> None:
    alone = settings(bus={"results": endpoint})
    assert doors.results_door(alone) == Door(endpoint)
    assert not doors.warnings(alone)


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:1", "tcp://127.0.0.1", "5560", "inproc://x"]
)
def test_what_is_no_address_is_said(endpoint: str) -> None:
    with pytest.raises(SettingsError, match=r"bus\.results.*allowed: tcp://HOST:PORT"):
        settings(bus={"results": endpoint})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "beamline"])  # noqa: S104
def test_the_page_leaves_the_machine_only_by_word_and_by_name(host: str) -> None:
    page = {"host": host, "allowed_hosts": ["beamline.example"]}
    for viewer, said in (
        ({"host": host}, {}),
        ({"host": host}, {"unencrypted": True}),
        (page, {}),
    ):
        with pytest.raises(SettingsError, match="reverse proxy with TLS"):
            load(None, {"viewer": viewer, "security": said})
    by_word = load(None, {"viewer": page, "security": {"unencrypted": True}})
    assert "can read its token" in doors.warnings(by_word)[0]


@pytest.mark.parametrize("name", ["*", "http://beamline", "beamline:8080", "", "a b", "*.example"])
def test_a_host_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="name each, without port"):
        load(None, {"viewer": {"allowed_hosts": [name]}})


def test_what_is_loopback_is_read_not_looked_up() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"]))
    assert not any(map(is_loopback, ["", "*", "0.0.0.0", "::", "localhost.example", "127.0.0.1.x"]))  # noqa: S104
    assert not any(map(is_local, ["tcp://*:1", "tcp://127.0.0.1.example:1", "udp://127.0.0.1:1"]))
    assert all(map(is_local, ["tcp://[::1]:1", "tcp://127.0.0.1:*", "ipc://x", "inproc://x"]))


def test_key_files_are_looked_at_before_anything_is_bound(keys: Path, tmp_path: Path) -> None:
    source = f"beamside+tcp://h:1?own_key={tmp_path}/none&server_key={keys}/server.key"
    (keys / "server.key_secret").chmod(0o644)
    wrong = settings(bus={"results": EVERYWHERE}, security={"keys": keys}, source={"url": source})
    bus, url = doors.problems(wrong)
    assert bus.startswith("security.keys: ")
    assert bus.endswith(f"run: chmod 600 {keys}/server.key_secret")
    assert url.startswith(f"source.url: {tmp_path}/none: can't be read")
    (keys / "server.key_secret").chmod(0o600)
    (keys / "allowed" / "client.key").unlink()
    nobody = settings(bus={"results": EVERYWHERE}, security={"keys": keys})
    assert doors.problems(nobody) == []
    assert "nobody may listen" in doors.warnings(nobody)[0]


# the bus itself


@pytest.fixture
def bus(keys: Path, tmp_path: Path) -> Iterator[notices.Bus]:
    """A bus with a locked door."""
    opened = notices.Bus([f"ipc://{tmp_path}/bus"], Door("tcp://127.0.0.1:*", lock_of(keys)))
    yield opened
    opened.close()


def heard(bus: notices.Bus, socket: zmq.Socket[bytes]) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        bus.send(NOTICE)
        if socket.poll(20):
            return socket.recv_multipart() == NOTICE
    return False


def test_the_door_is_locked_and_the_house_needs_no_key(bus: notices.Bus, keys: Path) -> None:
    inside, outside = bus.addresses
    page = notices.listen(inside)
    stranger = notices.listen(outside)
    guest = open_socket(zmq.SUB)
    Key(keys / "client.key_secret", keys / "server.key").put_on(guest)
    guest.subscribe(b"")
    guest.connect(outside)
    try:
        assert heard(bus, page)
        assert heard(bus, guest)
        assert not stranger.poll(0)
    finally:
        for socket in (page, stranger, guest):
            socket.close(0)


def test_a_bus_is_never_bound_outside_without_a_door(keys: Path) -> None:
    with pytest.raises(ValueError, match="it needs a door"):
        notices.Bus(["tcp://*:0"])
    (keys / "server.key_secret").chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        notices.Bus([], Door("tcp://127.0.0.1:*", lock_of(keys)))


def test_a_taken_address_is_one_plain_sentence(bus: notices.Bus) -> None:
    with pytest.raises(ValueError, match="can't listen on tcp://127"):
        notices.Bus([], Door(bus.addresses[1]))


def test_what_a_stranger_says_to_the_bus_hurts_nobody(tmp_path: Path) -> None:
    bus = notices.Bus([f"ipc://{tmp_path}/bus", "tcp://127.0.0.1:*"])
    page = notices.listen(bus.addresses[0])
    strangers = [open_socket(zmq.XSUB), open_socket(zmq.DEALER)]
    try:
        for stranger in strangers:
            stranger.connect(bus.addresses[1])
            for said in (b"\0nonsense", b"", b"\1" * 1000):
                with contextlib.suppress(zmq.Again):  # it was thrown out meanwhile
                    stranger.send(said, zmq.DONTWAIT)
        assert heard(bus, page)
    finally:
        for socket in (page, *strangers):
            socket.close(0)
        bus.close()
