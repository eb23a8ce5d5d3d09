"""What the services read of `config.yaml`, checked once at the process's entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate
from nameko.cli.main import setup_yaml_parser

from clinic.errors import ConfigError
from clinic.limit_fields import OptionalLimit
from clinic.retry import RetryPolicy

#: Who has a code and the database could try shorter secrets out.
_SECRET_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Settings:
    """The part of the configuration that every service shares.

    A relay that has been silent for `outbox_grace_seconds` is held for dead, and what it had to
    send is looked for; that is done every `outbox_sweep_seconds`. A booking that is not decided
    `outbox_resend_seconds` after it was asked for is asked for again, and a patient who was not
    told of a step for as long is told again. With `outbox_limit` messages waiting for the broker a
    process takes no more bookings. `max_open_bookings` is for each e-mail address; None is any
    number.
    """

    amqp_uri: str
    mongodb_uri: str
    booking_retry: RetryPolicy
    email_retry: RetryPolicy
    webhook_retry: RetryPolicy
    has_webhook: bool
    outbox_grace_seconds: float
    outbox_sweep_seconds: float
    outbox_resend_seconds: float
    outbox_limit: int
    max_open_bookings: int | None

    @property
    def retry_delays_seconds(self) -> list[int]:
        return self.booking_retry.delays_seconds + self.email_retry.delays_seconds

    @property
    def webhook_delays_seconds(self) -> list[int] | None:
        """None while the webhook is off."""
        return self.webhook_retry.delays_seconds if self.has_webhook else None


class ConfigSchema(Schema):
    """Base of the schemas that read one part of the configuration and leave the rest alone."""

    class Meta:
        unknown = EXCLUDE

    @pre_load
    def drop_unset(self, data: Any, **_kwargs: Any) -> Any:
        """A variable that is set but empty reads as null or ""; it means the default."""
        if not isinstance(data, Mapping):
            return data  # for the schema to refuse
        return {key: value for key, value in data.items() if value not in (None, "")}


class Zone(fields.Field[ZoneInfo]):
    """The name of an IANA time zone."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> ZoneInfo:
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
            raise ValidationError(f"{value!r} is not a time zone") from None


class PublicUrl(fields.Field[str]):
    """Where patients reach the gateway, as "https://citas.clinica.example"; returned without a
    slash at its end."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        if not (isinstance(value, str) and _is_plain_url(value)):
            raise ValidationError("must be like https://citas.clinica.example")
        return value.rstrip("/")


class LinkSecrets(fields.Field[tuple[str, ...]]):
    """Secrets separated by commas, the one in use first. A fault does not quote them."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> tuple[str, ...]:
        secrets = tuple(secret.strip() for secret in str(value).split(",") if secret.strip())
        if any(len(secret) < _SECRET_LENGTH for secret in secrets):
            raise ValidationError(f"must have {_SECRET_LENGTH} characters at least")
        return secrets


_DEFAULT_RETRY = RetryPolicy(max_attempts=3, ttl_seconds=10)
#: 21 minutes in all: a receiver is deployed, or rolled back, in that time.
_DEFAULT_WEBHOOK_RETRY = RetryPolicy(max_attempts=8, ttl_seconds=10)


class RetrySchema(ConfigSchema):
    max_attempts = fields.Integer(
        strict=True, load_default=_DEFAULT_RETRY.max_attempts, validate=validate.Range(1, 10)
    )
    ttl_seconds = fields.Integer(
        strict=True, load_default=_DEFAULT_RETRY.ttl_seconds, validate=validate.Range(1, 3600)
    )

    @post_load
    def to_policy(self, data: dict[str, Any], **_kwargs: Any) -> RetryPolicy:
        return RetryPolicy(**data)


class WebhookRetrySchema(RetrySchema):
    max_attempts = fields.Integer(
        strict=True,
        load_default=_DEFAULT_WEBHOOK_RETRY.max_attempts,
        validate=validate.Range(1, 10),
    )


class WebhookSchema(ConfigSchema):
    """Whether there is one is for all to know; the rest, for the notification service."""

    url = fields.String(load_default="")


class SettingsSchema(ConfigSchema):
    amqp_uri = fields.String(data_key="AMQP_URI", required=True)
    mongodb_uri = fields.String(data_key="MONGODB_CONNECTION_URL", required=True)
    booking_retry = fields.Nested(
        RetrySchema, data_key="BOOKING_RETRY", load_default=_DEFAULT_RETRY
    )
    email_retry = fields.Nested(RetrySchema, data_key="EMAIL_RETRY", load_default=_DEFAULT_RETRY)
    webhook_retry = fields.Nested(
        WebhookRetrySchema, data_key="WEBHOOK_RETRY", load_default=_DEFAULT_WEBHOOK_RETRY
    )
    webhook = fields.Nested(WebhookSchema, data_key="WEBHOOK", load_default={"url": ""})
    outbox_grace_seconds = fields.Float(
        data_key="OUTBOX_GRACE_SECONDS", load_default=10.0, validate=validate.Range(0)
    )
    outbox_sweep_seconds = fields.Float(
        data_key="OUTBOX_SWEEP_SECONDS", load_default=5.0, validate=validate.Range(0.05)
    )
    outbox_resend_seconds = fields.Float(
        data_key="OUTBOX_RESEND_SECONDS", load_default=600.0, validate=validate.Range(1)
    )
    outbox_limit = fields.Integer(
        data_key="OUTBOX_LIMIT", strict=True, load_default=20_000, validate=validate.Range(1)
    )
    max_open_bookings = OptionalLimit(data_key="MAX_OPEN_BOOKINGS", load_default=10)

    @post_load
    def to_settings(self, data: dict[str, Any], **_kwargs: Any) -> Settings:
        webhook = data.pop("webhook")
        return Settings(**data, has_webhook=bool(webhook["url"]))


def load(path: str) -> dict[str, Any]:
    """Read a configuration file exactly as `nameko run --config` does. Raises: ConfigError."""
    setup_yaml_parser()
    try:
        with open(path, encoding="utf-8") as file:
            config = yaml.safe_load(file)
    except (OSError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())  # YAML explains itself on several lines
        raise ConfigError(reason) from None
    if not isinstance(config, dict):
        raise ConfigError("it holds no settings")
    return config


def read(schema: Schema, config: Mapping[str, Any]) -> Any:
    """Load one part of the configuration. Raises: ConfigError, which names every key at fault."""
    try:
        return schema.load(config)
    except ValidationError as error:
        raise ConfigError(str(error.normalized_messages())) from None


def _is_plain_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        _ = url.port  # reading it checks it
    except ValueError:
        return False
    is_whole = url.scheme in ("http", "https") and bool(url.hostname)
    has_more = url.username or url.password or "?" in text or "#" in text
    return is_whole and not has_more and text.isascii() and text.isprintable() and " " not in text


def settings(config: Mapping[str, Any]) -> Settings:
    """Raises: ConfigError."""
    result: Settings = read(SettingsSchema(), config)
    return result
