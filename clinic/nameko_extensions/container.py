"""The service container, which validates the configuration before nameko starts anything."""

from __future__ import annotations

import sys
from typing import Any

from nameko.containers import ServiceContainer

from clinic.config import prepare, settings
from clinic.errors import ConfigError


class ClinicContainer(ServiceContainer):
    """Exits with a one-line message if a setting is invalid.

    A service may name the function that reads its own settings in `read_settings`.
    """

    def __init__(self, service_cls: Any, config: dict[str, Any]) -> None:
        try:
            prepare(config)
            for read in (settings, getattr(service_cls, "read_settings", settings)):
                read(config)
        except ConfigError as error:
            sys.exit(f"{service_cls.name}: {error}")
        super().__init__(service_cls, config)
