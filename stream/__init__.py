"""What travels: bytes, sockets, files; no science. Imports nothing of ours."""
