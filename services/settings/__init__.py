"""All that can be set, from TOML, the environment and the command line.

Order: command line over environment (`BEAMSIDE_ARCHIVE__FOLDER`) over file over default. Unknown
keys are refused, and everything that is wrong is said at once.
"""

from __future__ import annotations

from .frames import AnalysisSettings, CalibrationSettings, SourceSettings
from .instrument import Settings
from .keeping import ArchiveSettings, ServiceSettings, SpoolSettings
from .layers import assignment, merge
from .loading import load
from .reference import document
from .section import SettingsError
from .sharing import BusSettings, DocumentSettings, SecuritySettings, ViewerSettings

__all__ = [
    "AnalysisSettings",
    "ArchiveSettings",
    "BusSettings",
    "CalibrationSettings",
    "DocumentSettings",
    "SecuritySettings",
    "ServiceSettings",
    "Settings",
    "SettingsError",
    "SourceSettings",
    "SpoolSettings",
    "ViewerSettings",
    "assignment",
    "document",
    "load",
    "merge",
]
