"""What the notification service reads of `config.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import fields, post_load, validate

from clinic.config import ConfigSchema, Zone, read
from notification_service.channels import Channel, LogChannel, SmtpChannel


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    channel: Channel
    zone: ZoneInfo


class SmtpSchema(ConfigSchema):
    host = fields.String(load_default="")
    port = fields.Integer(load_default=25, validate=validate.Range(1, 65535))
    username = fields.String(load_default="")
    password = fields.String(load_default="", load_only=True)
    starttls = fields.Boolean(load_default=False)
    sender = fields.Email(load_default="citas@clinica.example")

    @post_load
    def to_channel(self, data: dict[str, Any], **_kwargs: Any) -> Channel:
        return SmtpChannel(**data) if data["host"] else LogChannel()


class ZoneSchema(ConfigSchema):
    timezone = Zone(load_default=ZoneInfo("UTC"))


class NotificationSettingsSchema(ConfigSchema):
    channel = fields.Nested(SmtpSchema, data_key="SMTP", required=True)
    calendar = fields.Nested(ZoneSchema, data_key="CALENDAR", required=True)

    @post_load
    def to_settings(self, data: dict[str, Any], **_kwargs: Any) -> NotificationSettings:
        return NotificationSettings(data["channel"], data["calendar"]["timezone"])


def notification_settings(config: Mapping[str, Any]) -> NotificationSettings:
    """Raises: ConfigError, which names every key at fault."""
    result: NotificationSettings = read(NotificationSettingsSchema(), config)
    return result
