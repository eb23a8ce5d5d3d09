"""What the notification service reads of `config.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields, post_load, validate
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from clinic.config import ConfigSchema, Zone, read
from notification_service.channels import Channel, Envelope, LogChannel, SmtpChannel
from notification_service.webhook import WebhookChannel


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """`webhook` is None while it is off."""

    channel: Channel[Envelope]
    zone: ZoneInfo
    webhook: WebhookChannel | None


class SmtpSchema(ConfigSchema):
    host = fields.String(load_default="")
    port = fields.Integer(load_default=25, validate=validate.Range(1, 65535))
    username = fields.String(load_default="")
    password = fields.String(load_default="", load_only=True)
    starttls = fields.Boolean(load_default=False)
    sender = fields.Email(load_default="citas@clinica.example")

    @post_load
    def to_channel(self, data: dict[str, Any], **_kwargs: Any) -> Channel[Envelope]:
        return SmtpChannel(**data) if data["host"] else LogChannel()


class WebhookUrl(fields.Field[Url]):
    """An absolute URL of HTTP. A fault does not quote it: its path may be a secret."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> Url:
        try:
            url = parse_url(value) if isinstance(value, str) else Url()
        except LocationParseError:
            url = Url()
        if url.scheme not in ("http", "https") or not url.host:
            raise ValidationError("must be like https://example.org/path")
        if url.auth or url.fragment:
            raise ValidationError("must have no user, no password and no #fragment")
        return url


class Secrets(fields.Field[tuple[str, ...]]):
    """Secrets separated by commas."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> tuple[str, ...]:
        return tuple(secret.strip() for secret in str(value).split(",") if secret.strip())


class WebhookSchema(ConfigSchema):
    url = WebhookUrl(load_default=None)
    secrets = Secrets(data_key="secret", load_default=())

    @post_load
    def to_channel(self, data: dict[str, Any], **_kwargs: Any) -> WebhookChannel | None:
        if data["url"] is None:
            return None
        if not data["secrets"]:
            raise ValidationError("is needed to sign what goes to the url", "secret")
        return WebhookChannel(**data)


class ZoneSchema(ConfigSchema):
    timezone = Zone(load_default=ZoneInfo("UTC"))


class NotificationSettingsSchema(ConfigSchema):
    channel = fields.Nested(SmtpSchema, data_key="SMTP", required=True)
    webhook = fields.Nested(WebhookSchema, data_key="WEBHOOK", load_default=None)
    calendar = fields.Nested(ZoneSchema, data_key="CALENDAR", required=True)

    @post_load
    def to_settings(self, data: dict[str, Any], **_kwargs: Any) -> NotificationSettings:
        zone = data["calendar"]["timezone"]
        return NotificationSettings(data["channel"], zone, data["webhook"])


def notification_settings(config: Mapping[str, Any]) -> NotificationSettings:
    """Raises: ConfigError, which names every key at fault."""
    result: NotificationSettings = read(NotificationSettingsSchema(), config)
    return result
