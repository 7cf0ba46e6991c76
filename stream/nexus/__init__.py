"""The archive: one NeXus/HDF5 file a run, written while it runs, read back later."""

from .archive import Archive
from .limits import Limits
from .reader import ArchiveFile, is_archive, open_archive, read_frame, read_result
from .summary import ArchiveSummary, read_summary

__all__ = [
    "Archive",
    "ArchiveFile",
    "ArchiveSummary",
    "Limits",
    "is_archive",
    "open_archive",
    "read_frame",
    "read_result",
    "read_summary",
]
