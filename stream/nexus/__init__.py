"""The archive: segments of frames and a NeXus master for each run, safe under kill -9."""

from .alone import write_results
from .archive import Archive
from .limits import Limits
from .names import POSITIONS, claim, release
from .reader import ArchiveFile, is_archive, open_archive, read_frame, read_result
from .summary import ArchiveSummary, read_summary

__all__ = [
    "POSITIONS",
    "Archive",
    "ArchiveFile",
    "ArchiveSummary",
    "Limits",
    "claim",
    "is_archive",
    "open_archive",
    "read_frame",
    "read_result",
    "read_summary",
    "release",
    "write_results",
]
