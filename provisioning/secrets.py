"""Distributes secrets: one directory, and thus one volume, per reader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from clinic.config import Settings
from provisioning import secret_files
from provisioning.broker import definitions
from provisioning.broker_users import BROKER_USERS
from provisioning.database import USER, USER_PASSWORD_FILE

#: The notifier creates the link tokens in e-mails; the gateway accepts them.
_LINK_SECRET_READERS = ("gateway", "notification_service")


class SecretVolumes:
    """The directories of a deployment; `environment` may contain secrets chosen by the operator.

    Generated secrets are kept in `generated`, which only this job reads. Each run rewrites the
    other directories, so it completes an interrupted one.
    """

    def __init__(self, directory: Path, settings: Settings, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._settings = settings
        self._environment = environment

    def write(self) -> None:
        self._write_database()
        self._write_broker()
        for reader in _LINK_SECRET_READERS:
            self._write(reader, "link_secret", self._chosen_or_generated("LINK_SECRET"))
        webhook_secret = self._chosen_or_generated("WEBHOOK_SECRET")
        self._write("notification_service", "webhook_secret", webhook_secret)
        self._write("gateway", "staff_api_key", self._generated("staff_api_key"))

    def _write_database(self) -> None:
        password = self._generated("mongodb_user")
        self._write("database", "root_password", self._generated("mongodb_root"))
        self._write("database", USER_PASSWORD_FILE, password)
        for service in BROKER_USERS:
            self._write(service, "mongodb_uri", f"mongodb://{USER}:{password}@mongo:27017/clinic")

    def _write_broker(self) -> None:
        passwords = {user: self._generated(f"rabbitmq_{user}") for user in BROKER_USERS}
        for user, password in passwords.items():
            self._write(user, "amqp_uri", f"amqp://{user}:{password}@rabbitmq:5672/")
        text = json.dumps(definitions(self._settings, passwords), indent=1)
        self._write("broker", "definitions.json", text)

    def _chosen_or_generated(self, variable: str) -> str:
        return self._environment.get(variable) or self._generated(variable.lower())

    def _generated(self, name: str) -> str:
        return secret_files.generated(self._directory / "generated" / name)

    def _write(self, reader: str, name: str, text: str) -> None:
        secret_files.write(self._directory / reader / name, text)
