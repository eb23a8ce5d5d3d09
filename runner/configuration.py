"""Checks that the services can read their configuration."""

from __future__ import annotations

import os

from booking_service.settings import booking_settings
from clinic.config import load, settings
from clinic.errors import ConfigError
from gateway.settings import GatewaySettings, gateway_settings
from notification_service.settings import notification_settings
from runner.startup_error import StartupError


def require_configuration() -> GatewaySettings:
    """Validate the configuration of all services and return the gateway's part.
    Raises: StartupError."""
    path = os.environ.get("CLINIC_CONFIG") or "config.yaml"
    try:
        config = load(path)
        for read in (settings, booking_settings, notification_settings):
            read(config)
        return gateway_settings(config)
    except ConfigError as error:
        raise StartupError(f"{path}: {error}") from error
