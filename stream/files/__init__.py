"""Recorded files as messages: one format a file. `open_file` opens them all."""

from .calibration import PixelSize
from .formats import KNOWN_SUFFIXES, open_file
from .recording import Recording
from .units import parse_length

__all__ = ["KNOWN_SUFFIXES", "PixelSize", "Recording", "open_file", "parse_length"]
