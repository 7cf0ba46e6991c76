"""Addresses and TCP ports of this host."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound TCP socket; OSError if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`, by its text alone: no name is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_local(endpoint: str) -> bool:
    """Whether only this machine can reach a ZeroMQ endpoint: ipc, inproc, or tcp on loopback."""
    transport, _, rest = endpoint.partition("://")
    if transport in ("ipc", "inproc"):
        return True
    try:
        host = urlsplit(f"//{rest.rpartition(':')[0]}").hostname
    except ValueError:
        return False
    return transport == "tcp" and is_loopback(host or "")
