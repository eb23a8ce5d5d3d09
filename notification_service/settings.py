"""The notification service's part of `config.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields, post_load
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from clinic.catalogue.from_configuration import (
    CatalogueSettings,
    CatalogueSettingsSchema,
    to_catalogue_settings,
)
from clinic.config import ConfigSchema, read
from clinic.configuration.limit_fields import OptionalLimit
from clinic.configuration.setting_fields import Number, PublicUrl, SecretList
from clinic.configuration.setting_text import is_loopback, plain_text
from notification_service.channels.email_channel import Channel
from notification_service.channels.smtp_settings import SmtpSchema
from notification_service.channels.webhook import WebhookChannel
from notification_service.email.outgoing_email import OutgoingEmail

#: Two weeks.
_LONGEST_HOURS = 336


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """`sender` is the From address of e-mails. `catalogue` is that of a clinic without its own.
    Without `public_url` and `link_secrets` e-mails have no link. A `remind_before` of zero disables
    reminders. `webhook` is None while disabled. `max_emails_per_address` applies to an unconfirmed
    address and a day; None means no limit."""

    channel: Channel[OutgoingEmail]
    sender: str
    catalogue: CatalogueSettings
    public_url: str
    link_secrets: tuple[str, ...] = field(repr=False)
    remind_before: timedelta
    webhook: WebhookChannel | None
    max_emails_per_address: int | None

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's zone."""
        (site,) = self.catalogue.default.sites.values()
        return site.zone

    @property
    def slot(self) -> timedelta:
        """The duration of an appointment without a catalogue."""
        return self.catalogue.default.default_service.duration


class WebhookUrl(fields.Field[Url]):
    """An absolute HTTP URL. Errors never quote it: its path may be secret."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> Url:
        try:
            url = parse_url(plain_text(value))
        except LocationParseError:
            url = Url()
        if url.scheme not in ("http", "https") or not url.host:
            raise ValidationError("must be like https://example.org/path")
        if url.auth or url.fragment:
            raise ValidationError("must have no user, no password and no #fragment")
        if url.scheme == "http" and not is_loopback(url.host.strip("[]")):
            raise ValidationError("must be https, unless the host is this machine")
        return url


class WebhookSchema(ConfigSchema):
    url = WebhookUrl(load_default=None)
    secrets = SecretList(data_key="secret", load_default=())

    @post_load
    def to_channel(self, data: dict[str, Any], **_kwargs: Any) -> WebhookChannel | None:
        if data["url"] is None:
            return None
        if not data["secrets"]:
            raise ValidationError("is required to sign webhook requests", "secret")
        return WebhookChannel(**data)


class ReminderHours(Number):
    """0, or from 2: no reminder is sent in the last hour before an appointment."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> float:
        hours = super()._deserialize(value, *args, **kwargs)
        if 0 < hours < 2:
            raise ValidationError(f"must be 0, or from 2 to {_LONGEST_HOURS}")
        return hours


class NotificationSettingsSchema(CatalogueSettingsSchema):
    smtp = fields.Nested(SmtpSchema, data_key="SMTP", required=True)
    webhook = fields.Nested(WebhookSchema, data_key="WEBHOOK", load_default=None)
    public_url = PublicUrl(data_key="PUBLIC_URL", load_default="")
    link_secrets = SecretList(data_key="LINK_SECRET", load_default=())
    reminder_hours = ReminderHours(0, _LONGEST_HOURS, data_key="REMINDER_HOURS", load_default=24.0)
    max_emails_per_address = OptionalLimit(data_key="MAX_EMAILS_PER_ADDRESS", load_default=10)

    @post_load
    def to_settings(self, data: dict[str, Any], **_kwargs: Any) -> NotificationSettings:
        channel, sender = data["smtp"]
        return NotificationSettings(
            channel=channel,
            sender=sender,
            catalogue=to_catalogue_settings(data),
            public_url=data["public_url"],
            link_secrets=data["link_secrets"],
            remind_before=timedelta(hours=data["reminder_hours"]),
            webhook=data["webhook"],
            max_emails_per_address=data["max_emails_per_address"],
        )


def notification_settings(config: Mapping[str, Any]) -> NotificationSettings:
    """Raises: ConfigError, which names every invalid key."""
    result: NotificationSettings = read(NotificationSettingsSchema(), config)
    return result
