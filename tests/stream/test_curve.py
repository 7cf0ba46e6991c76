"""Locks and keys, on real sockets and real files."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
import zmq.auth

from beamside.stream.curve import Key, Lock, curve_of
from beamside.stream.errors import KeyFileError
from beamside.stream.keyfiles import allowed_keys, make_pair, read_pair, read_public, write_public
from beamside.stream.messages import Refusal, RunStart
from beamside.stream.sinks import ZmqSink, open_sink
from beamside.stream.sockets import open_socket
from beamside.stream.sources import Incoming, ZmqSource, open_source
from beamside.stream.urls import parse_url

START = RunStart("x", "5", expected=2)
PATIENCE_S = 5.0


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Pairs of a server, an allowed client and a stranger."""
    for name in ("server", "client", "stranger"):
        make_pair(tmp_path / "keys", name)
    (tmp_path / "keys" / "allowed").mkdir()
    write_public(tmp_path / "keys" / "allowed", "client", read_public(tmp_path / "keys/client.key"))
    return tmp_path / "keys"


def lock(keys: Path) -> Lock:
    return Lock(keys / "server.key_secret", keys / "allowed")


def key(keys: Path, name: str, server: str = "server") -> Key:
    return Key(keys / f"{name}.key_secret", keys / f"{server}.key")


@pytest.fixture
def locked(keys: Path) -> Iterator[zmq.Socket[bytes]]:
    socket = open_socket(zmq.PUB)
    lock(keys).put_on(socket)
    socket.bind("tcp://127.0.0.1:*")
    yield socket
    socket.close(0)


def listener(bound: zmq.Socket[bytes], own: Key | None) -> zmq.Socket[bytes]:
    socket = open_socket(zmq.SUB)
    if own is not None:
        own.put_on(socket)
    socket.subscribe(b"")
    socket.connect(bound.getsockopt_string(zmq.LAST_ENDPOINT))
    return socket


def heard(bound: zmq.Socket[bytes], socket: zmq.Socket[bytes]) -> bool:
    """Whether what is said again and again arrives."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        bound.send(b"hello")
        if socket.poll(20):
            return socket.recv() == b"hello"
    return False


def test_an_allowed_key_hears_and_nobody_else_does(locked: zmq.Socket[bytes], keys: Path) -> None:
    strangers = [
        listener(locked, None),
        listener(locked, key(keys, "stranger")),
        listener(locked, key(keys, "client", server="stranger")),
    ]
    friend = listener(locked, key(keys, "client"))
    try:
        assert heard(locked, friend)
        # the friend has come in after them: what was said since was said to all who are in
        for _ in range(20):
            assert heard(locked, friend)
        assert [socket.poll(0) for socket in strangers] == [0, 0, 0]
    finally:
        for socket in (friend, *strangers):
            socket.close(0)


def test_a_key_that_is_added_counts_at_once_and_one_taken_away_no_more(
    locked: zmq.Socket[bytes], keys: Path
) -> None:
    write_public(keys / "allowed", "late", read_public(keys / "stranger.key"))
    friend = listener(locked, key(keys, "stranger"))
    assert heard(locked, friend)
    friend.close(0)
    (keys / "allowed" / "late.key").unlink()
    (keys / "allowed" / "client.key").unlink()
    write_public(keys / "allowed", "other", read_public(keys / "client.key"))
    left, stayed = listener(locked, key(keys, "stranger")), listener(locked, key(keys, "client"))
    try:
        assert heard(locked, stayed)
        assert not left.poll(0)
    finally:
        left.close(0)
        stayed.close(0)


def test_two_doors_of_one_process_have_lists_of_their_own(
    locked: zmq.Socket[bytes], keys: Path, tmp_path: Path
) -> None:
    guests = tmp_path / "guests"
    guests.mkdir()
    write_public(guests, "stranger", read_public(keys / "stranger.key"))
    second = open_socket(zmq.PUB)
    Lock(keys / "server.key_secret", guests).put_on(second)
    second.bind("tcp://127.0.0.1:*")
    friends = listener(locked, key(keys, "client")), listener(second, key(keys, "stranger"))
    others = listener(locked, key(keys, "stranger")), listener(second, key(keys, "client"))
    try:
        assert heard(locked, friends[0])
        assert heard(second, friends[1])
        assert [socket.poll(0) for socket in others] == [0, 0]
    finally:
        for socket in (second, *friends, *others):
            socket.close(0)


def test_a_list_that_goes_bad_lets_nobody_in(locked: zmq.Socket[bytes], keys: Path) -> None:
    (keys / "allowed").chmod(0o777)
    friend = listener(locked, key(keys, "client"))
    monitor = friend.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    try:
        friend.connect(locked.getsockopt_string(zmq.LAST_ENDPOINT))
        assert monitor.poll(5000)
    finally:
        friend.disable_monitor()
        monitor.close(0)
        friend.close(0)


@pytest.mark.parametrize("live", ["beamside", "beamside+sub"])
def test_a_source_with_a_key_reads_a_locked_sink(keys: Path, live: str) -> None:
    own = f"own_key={keys}/server.key_secret&allowed_keys={keys}/allowed"
    sink = open_sink(f"{live}+tcp://127.0.0.1:*?{own}")
    mine = f"own_key={keys}/client.key_secret&server_key={keys}/server.key"
    source = open_source(f"{live}+{sink.endpoint}?{mine}", "det")
    try:
        came: list[Incoming] = []
        until = time.monotonic() + PATIENCE_S
        while not came and time.monotonic() < until:
            sink.send(START, 0.02)
            came = source.receive()
    finally:
        source.close()
        sink.close(0)
    assert isinstance(came[0], RunStart)
    assert came[0].run == "5"


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("own_key={keys}/stranger.key_secret&server_key={keys}/server.key", "does not allow"),
        ("own_key={keys}/client.key_secret&server_key={keys}/stranger.key", "not the one whose"),
        ("", "one end is encrypted"),
    ],
)
def test_a_source_whose_key_is_refused_says_so_once(keys: Path, own: str, words: str) -> None:
    options = f"own_key={keys}/server.key_secret&allowed_keys={keys}/allowed"
    sink = ZmqSink(parse_url(f"beamside+sub+tcp://127.0.0.1:*?{options}"))
    url = f"beamside+sub+{sink.endpoint}?{own.format(keys=keys)}".rstrip("?")
    source = open_source(url, "det")
    came: list[Incoming] = []
    until = time.monotonic() + PATIENCE_S
    try:
        while not came and time.monotonic() < until:
            came += source.receive()
        later = time.monotonic() + 1.2  # libzmq and we have tried again meanwhile
        while time.monotonic() < later:
            came += source.receive()
    finally:
        source.close()
        sink.close(0)
    (refusal,) = came
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "key_refused"
    assert words in refusal.detail


def test_a_secret_is_for_its_owner_from_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    born: list[int] = []
    opened = os.open

    def watched(path: str | Path, flags: int, mode: int = 0o777) -> int:
        descriptor = opened(path, flags, mode)
        born.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    before = os.umask(0)
    monkeypatch.setattr(os, "open", watched)
    try:
        make_pair(tmp_path / "keys", "client")
    finally:
        os.umask(before)
    assert born == [0o600, 0o644]
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    with pytest.raises(KeyFileError, match="is there already"):
        make_pair(tmp_path / "keys", "client")


def test_other_programs_of_the_field_read_our_keys_and_we_theirs(tmp_path: Path) -> None:
    make_pair(tmp_path, "ours")
    ours = read_pair(tmp_path / "ours.key_secret")
    assert zmq.auth.load_certificate(tmp_path / "ours.key_secret") == (ours.public, ours.secret)
    assert zmq.auth.load_certificate(tmp_path / "ours.key") == (ours.public, None)
    _, secret = zmq.auth.create_certificates(tmp_path, "theirs")
    with pytest.raises(KeyFileError, match=r"mode 0644\); run: chmod 600 .*theirs.key_secret"):
        read_pair(Path(secret))
    Path(secret).chmod(0o600)
    assert read_pair(Path(secret)).public == read_public(tmp_path / "theirs.key")
    assert "secret" not in repr(ours)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660], ids=oct)
def test_a_secret_that_others_may_read_is_refused(keys: Path, mode: int) -> None:
    (keys / "server.key_secret").chmod(mode)
    with pytest.raises(KeyFileError, match=f"mode 0{mode:o}.*chmod 600"):
        read_pair(lock(keys).own)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no key file"),
        ("\0\xff" * 99, "is no key file"),
        ('public-key = "short"', "is no key file"),
        (f'public-key = "{"~" * 40}"', "is no key file"),
        (f'public-key = "{"#" * 40}"', "is no key file"),
        (f'public-key = "{"0" * 40}"', "holds no secret key"),
        (f'public-key = "{"0" * 40}"\nsecret-key = "{"1" * 40}"', "do not belong together"),
    ],
)
def test_a_file_that_is_no_secret_key_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "x.key_secret"
    file.write_text(text, encoding="latin-1")
    file.chmod(0o600)
    with pytest.raises(KeyFileError, match=rf"x\.key_secret: .*{words}"):
        read_pair(file)


def test_a_list_that_others_may_write_to_is_refused(keys: Path) -> None:
    (keys / "allowed").chmod(0o770)
    with pytest.raises(KeyFileError, match=r"allowed: others may write.*chmod go-w"):
        allowed_keys(keys / "allowed")
    (keys / "allowed").chmod(0o700)
    keys.chmod(0o777)
    with pytest.raises(KeyFileError, match=r"keys: others may write"):
        allowed_keys(keys / "allowed")
    keys.chmod(0o700)
    with pytest.raises(KeyFileError, match="No such file"):
        allowed_keys(keys / "nobody")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 65])
def test_a_name_can_not_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyFileError, match="a key's name"):
        make_pair(tmp_path, name)


@pytest.mark.parametrize(
    ("url", "binds", "words"),
    [
        ("dectris+tcp://h:1?own_key=a&server_key=b", False, "speaks no CURVE"),
        ("beamside+tcp://h:1?own_key=a", False, "connects needs own_key=FILE and server_key"),
        ("beamside+tcp://h:1?server_key=a", False, "connects needs"),
        ("beamside+tcp://h:1?own_key=a&server_key=b", True, "binds needs own_key=FILE and allowed"),
    ],
)
def test_half_a_key_is_refused(url: str, binds: bool, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        curve_of(parse_url(url), binds=binds)
    assert curve_of(parse_url("beamside+tcp://h:1"), binds=binds) is None


def test_a_source_with_an_unusable_key_opens_no_socket(keys: Path) -> None:
    (keys / "client.key_secret").chmod(0o644)
    own = f"own_key={keys}/client.key_secret&server_key={keys}/server.key"
    with pytest.raises(KeyFileError, match="chmod 600"):
        ZmqSource(parse_url(f"beamside+tcp://127.0.0.1:9?{own}"), "det")
    with pytest.raises(KeyFileError, match="chmod 600"):
        ZmqSink(parse_url(f"beamside+tcp://127.0.0.1:9?bind=0&{own}"))
