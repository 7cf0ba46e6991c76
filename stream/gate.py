"""Who may come in through a locked door: the one authenticator of this process's context.

ZeroMQ asks whoever answers at `inproc://zeromq.zap.01` (ZAP) for each new connection, and there is
room for one such place in a context: a second authenticator fails to start. So it is made once,
for all doors, and lives as long as the process; each door has its own list of allowed keys, a
folder that is looked at for every stranger who knocks. A key that is added counts at once; one
that is taken away is refused from its next connection on.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import threading
from pathlib import Path
from typing import Any

import zmq
from zmq.auth.thread import ThreadAuthenticator

from .errors import KeyFileError
from .keyfiles import allowed_keys

log = logging.getLogger(__name__)
_starting = threading.Lock()
_gate: ThreadAuthenticator | None = None


def admit(folder: Path) -> str:
    """Let in whose public key lies in `folder`; the ZAP domain to give to the socket.

    KeyFileError if the folder can't be used.
    """
    allowed_keys(folder)  # what is wrong is said now, not to the first who knocks
    where = folder.resolve()
    domain = "beamside-" + hashlib.sha256(bytes(where)).hexdigest()[:16]
    with _starting:
        gate = _started()
        if domain not in gate.credentials_providers:
            gate.configure_curve_callback(domain, _Guest(where))
    return domain


def _started() -> ThreadAuthenticator:
    global _gate
    context: zmq.Context[Any] = zmq.Context.instance()
    if _gate is None or _gate.context is not context or not _gate.is_alive():
        _gate = ThreadAuthenticator(context)
        _gate.start()
        # its thread must not be in ZeroMQ any more when the interpreter takes that down
        atexit.register(_gate.stop)
    return _gate


class _Guest:
    """The list of one door, asked in the authenticator's thread: it must never raise there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused = 0

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether the list has this public key (Z85)."""
        del domain
        try:
            known = key in allowed_keys(self.folder)
        except KeyFileError as error:
            log.warning("the list of allowed keys can't be used, so nobody is let in: %s", error)
            return False
        if not known:
            self._tell(key)
        return known

    def _tell(self, key: bytes) -> None:
        """Log the 1st, 2nd, 4th, 8th ...: who knocks without end must not fill the log."""
        self.refused += 1
        if self.refused & (self.refused - 1) == 0:
            words = "a key that is not allowed was refused: %s (%d refused so far)"
            log.warning(words, key.decode("ascii", "replace"), self.refused)
