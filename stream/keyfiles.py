"""Key files of CURVE, ZeroMQ's encryption: a pair of a public key and a secret one, by name.

    NAME.key         the public key: give it to whoever shall know this end
    NAME.key_secret  both keys: stays on this machine, 0600 from its first byte

The format is that of pyzmq's certificates, which bluesky and its queue server read too; their own
way of making them leaves the secret readable by everybody on the machine (mode 0644).
"""

from __future__ import annotations

import os
import re
import stat
import struct
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from zmq.utils import z85

from .errors import KeyFileError

PUBLIC = ".key"
SECRET = ".key_secret"  # noqa: S105  the end of a file name
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$")
_LINE = re.compile(r'^\s*(public|secret)-key\s*=\s*"([^"\s]{40})"\s*$', re.MULTILINE)
_LONGEST = 1 << 14


@dataclass(frozen=True, slots=True)
class Pair:
    """The keys of one end, in Z85 (40 characters each)."""

    public: bytes
    secret: bytes = field(repr=False)


def make_pair(folder: Path, name: str) -> Path:
    """Make a pair NAME in `folder`; its public file. Never overwrites: KeyFileError if it is there.

    The folder is made for this user alone where it does not exist.
    """
    _check_name(name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    public, secret = zmq.curve_keypair()
    _write(folder / f"{name}{SECRET}", Pair(public, secret), 0o600)
    return write_public(folder, name, public)


def write_public(folder: Path, name: str, public: bytes) -> Path:
    """Write a public key as NAME.key; the file. KeyFileError if it is there."""
    _check_name(name)
    file = folder / f"{name}{PUBLIC}"
    _write(file, Pair(public, b""), 0o644)
    return file


def read_pair(file: Path) -> Pair:
    """Read a secret key file; KeyFileError if it is none, or if others than its owner may read it.

    The check is made on the opened file, so that nobody can change it in between.
    """
    keys = _read(file, private=True)
    if "secret" not in keys:
        raise KeyFileError(f"{file}: holds no secret key; name the file that ends in {SECRET}")
    if zmq.curve_public(keys["secret"]) != keys["public"]:
        raise KeyFileError(f"{file}: its two keys do not belong together; make a new pair")
    return Pair(keys["public"], keys["secret"])


def read_public(file: Path) -> bytes:
    """Read the public key in a key file; KeyFileError if there is none."""
    return _read(file, private=False)["public"]


def allowed_keys(folder: Path) -> frozenset[bytes]:
    """The public keys in a folder, one in each NAME.key; KeyFileError says which file is wrong.

    A folder that others may write to, or exchange, is refused: they could let themselves in.
    """
    try:
        modes = {place: place.stat().st_mode for place in (folder, folder.absolute().parent)}
        files = sorted(folder.glob(f"*{PUBLIC}"))
    except OSError as error:
        raise KeyFileError(f"{folder}: {error.strerror}; make it: beamside keys make") from error
    if not stat.S_ISDIR(modes[folder]):
        raise KeyFileError(f"{folder}: is no folder of public keys")
    for place, mode in modes.items():
        if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
            words = "others may write to it, and let themselves in"
            raise KeyFileError(f"{place}: {words}; run: chmod go-w {place}")
    return frozenset(read_public(file) for file in files)


def _check_name(name: str) -> None:
    if not NAME.match(name):
        raise KeyFileError(f"{name!r}: a key's name has letters, digits, and any of _ . @ - in it")


def _write(file: Path, pair: Pair, mode: int) -> None:
    lines = ["# made by beamside; CURVE keys of ZeroMQ", "metadata", "curve"]
    lines.append(f'    public-key = "{pair.public.decode()}"')
    if pair.secret:
        lines.insert(1, "# SECRET: do not hand out, do not change who may read it")
        lines.append(f'    secret-key = "{pair.secret.decode()}"')
    try:
        # the mode is given with the birth of the file: changed after, it would come too late
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w") as opened:
            opened.write("\n".join(lines) + "\n")
    except FileExistsError as error:
        raise KeyFileError(f"{file}: is there already; delete it if you mean to replace") from error
    except OSError as error:
        raise KeyFileError(f"{file}: can't be written: {error.strerror}") from error


def _read(file: Path, *, private: bool) -> dict[str, bytes]:
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            text = opened.read(_LONGEST).decode("latin-1")
    except OSError as error:
        raise KeyFileError(f"{file}: can't be read: {error.strerror}") from error
    if private and mode & (stat.S_IRWXG | stat.S_IRWXO):
        words = f"others than its owner may read this secret key (mode {stat.S_IMODE(mode):04o})"
        raise KeyFileError(f"{file}: {words}; run: chmod 600 {file}")
    keys = {kind: value.encode() for kind, value in _LINE.findall(text)}
    if "public" not in keys or not all(_is_key(key) for key in keys.values()):
        raise KeyFileError(f"{file}: is no key file; make one: beamside keys make FOLDER")
    return keys


def _is_key(text: bytes) -> bool:
    try:
        return len(z85.decode(text)) == 32
    except (KeyError, struct.error):  # a letter that is none of Z85; a number beyond 32 bits
        return False
