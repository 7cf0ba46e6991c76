"""All tables of one instrument."""

from __future__ import annotations

from pydantic import model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .. import doors
from .frames import AnalysisSettings, CalibrationSettings, SourceSettings
from .keeping import ArchiveSettings, ServiceSettings, SpoolSettings
from .sharing import BusSettings, DocumentSettings, SecuritySettings, ViewerSettings


class Settings(BaseSettings):
    """One instrument."""

    model_config = SettingsConfigDict(
        env_prefix="BEAMSIDE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    source: SourceSettings = SourceSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    archive: ArchiveSettings = ArchiveSettings()
    spool: SpoolSettings = SpoolSettings()
    viewer: ViewerSettings = ViewerSettings()
    bus: BusSettings = BusSettings()
    documents: DocumentSettings = DocumentSettings()
    security: SecuritySettings = SecuritySettings()
    service: ServiceSettings = ServiceSettings()

    @model_validator(mode="after")
    def _nothing_leaves_in_the_clear(self) -> Settings:
        if wrong := doors.refused(self):
            raise ValueError("\n".join(wrong))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` laid together: it knows the order, and the command line is on top."""
        return (init_settings,)
