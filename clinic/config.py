"""The settings in `config.yaml` that services share, validated once at startup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

import yaml
from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate

from clinic.configuration.limit_fields import OptionalLimit
from clinic.configuration.secret_files import read_secret_files
from clinic.configuration.setting_fields import DeclaredQueues, Host, Number, Text, WholeNumber
from clinic.configuration.setting_names import fault_line
from clinic.configuration.setting_uris import AmqpUri, MongoUri
from clinic.configuration.yaml_file import load_yaml
from clinic.domain.retry_policy import RetryPolicy
from clinic.errors import ConfigError
from clinic.observability.logs import FORMATS

_DEFAULT_AMQP_URI = "amqp://guest:guest@localhost:5672/"
_DEFAULT_MONGODB_URI = "mongodb://localhost:27017/clinic"
_NO_MONITOR = {"host": "127.0.0.1", "port": 0}


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """A relay without a heartbeat for `heartbeat_timeout_seconds` is presumed dead. Every
    `recovery_interval_seconds`, relays scan for dead relays and undecided bookings. They republish
    messages without an outcome after `republish_seconds`. A process with `max_pending` messages
    waiting for the broker accepts no more bookings."""

    heartbeat_timeout_seconds: float = 10.0
    recovery_interval_seconds: float = 5.0
    republish_seconds: float = 600.0
    max_pending: int = 20_000


_OUTBOX = OutboxSettings()
_OUTBOX_FIELDS = [item.name for item in dataclass_fields(OutboxSettings)]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that all services share.

    `max_open_bookings` applies to each e-mail address; None means no limit. `declared_queues` names
    the work queues that the process declares; None means all.
    """

    amqp_uri: str
    mongodb_uri: str
    booking_retry: RetryPolicy
    email_retry: RetryPolicy
    webhook_retry: RetryPolicy
    has_webhook: bool
    outbox: OutboxSettings
    max_open_bookings: int | None
    declared_queues: frozenset[str] | None = None

    @property
    def retry_delays_seconds(self) -> list[int]:
        return self.booking_retry.delays_seconds + self.email_retry.delays_seconds

    @property
    def webhook_delays_seconds(self) -> list[int] | None:
        """None while the webhook is off."""
        return self.webhook_retry.delays_seconds if self.has_webhook else None


class ConfigSchema(Schema):
    """Base of the schemas that read one part of the configuration and ignore the rest."""

    class Meta:
        unknown = EXCLUDE

    @pre_load
    def drop_unset(self, data: Any, **_kwargs: Any) -> Any:
        """Use the default for null or "", the values of a variable that is set but empty."""
        if not isinstance(data, Mapping):
            return data  # the schema rejects it
        return {key: value for key, value in data.items() if value not in (None, "")}


_DEFAULT_RETRY = RetryPolicy(max_attempts=3, ttl_seconds=10)
#: 21 minutes in total: time to deploy a receiver, or to roll it back.
_DEFAULT_WEBHOOK_RETRY = RetryPolicy(max_attempts=8, ttl_seconds=10)


class RetrySchema(ConfigSchema):
    max_attempts = WholeNumber(1, 10, load_default=_DEFAULT_RETRY.max_attempts)
    ttl_seconds = WholeNumber(1, 3600, load_default=_DEFAULT_RETRY.ttl_seconds)

    @post_load
    def to_policy(self, data: dict[str, Any], **_kwargs: Any) -> RetryPolicy:
        return RetryPolicy(**data)


class WebhookRetrySchema(RetrySchema):
    max_attempts = WholeNumber(1, 10, load_default=_DEFAULT_WEBHOOK_RETRY.max_attempts)


class WebhookSchema(ConfigSchema):
    """Whether a webhook exists; the notification service reads the rest."""

    url = Text(load_default="")


class MonitorSchema(ConfigSchema):
    host = Host(load_default=_NO_MONITOR["host"])
    port = WholeNumber(0, 65_535, load_default=_NO_MONITOR["port"])


class ProcessSchema(ConfigSchema):
    """The settings that nameko, logging and the health server read, with the types they need."""

    amqp_uri = AmqpUri(data_key="AMQP_URI", load_default=_DEFAULT_AMQP_URI)
    mongodb_uri = MongoUri(data_key="MONGODB_CONNECTION_URL", load_default=_DEFAULT_MONGODB_URI)
    heartbeat = WholeNumber(0, 600, data_key="HEARTBEAT", load_default=10)
    max_workers = WholeNumber(1, 10_000, load_default=200)
    monitor = fields.Nested(MonitorSchema, data_key="MONITOR", load_default=_NO_MONITOR)
    log_format = fields.String(
        data_key="LOG_FORMAT", load_default="line", validate=validate.OneOf(FORMATS)
    )


class SettingsSchema(ConfigSchema):
    amqp_uri = AmqpUri(data_key="AMQP_URI", load_default=_DEFAULT_AMQP_URI)
    mongodb_uri = MongoUri(data_key="MONGODB_CONNECTION_URL", load_default=_DEFAULT_MONGODB_URI)
    booking_retry = fields.Nested(
        RetrySchema, data_key="BOOKING_RETRY", load_default=_DEFAULT_RETRY
    )
    email_retry = fields.Nested(RetrySchema, data_key="EMAIL_RETRY", load_default=_DEFAULT_RETRY)
    webhook_retry = fields.Nested(
        WebhookRetrySchema, data_key="WEBHOOK_RETRY", load_default=_DEFAULT_WEBHOOK_RETRY
    )
    webhook = fields.Nested(WebhookSchema, data_key="WEBHOOK", load_default={"url": ""})
    heartbeat_timeout_seconds = Number(
        0,
        86_400,
        data_key="OUTBOX_HEARTBEAT_TIMEOUT_SECONDS",
        load_default=_OUTBOX.heartbeat_timeout_seconds,
    )
    recovery_interval_seconds = Number(
        0.05,
        3600,
        data_key="OUTBOX_RECOVERY_INTERVAL_SECONDS",
        load_default=_OUTBOX.recovery_interval_seconds,
    )
    republish_seconds = Number(
        1, 86_400, data_key="OUTBOX_REPUBLISH_SECONDS", load_default=_OUTBOX.republish_seconds
    )
    max_pending = WholeNumber(
        1, 10_000_000, data_key="OUTBOX_MAX_PENDING", load_default=_OUTBOX.max_pending
    )
    max_open_bookings = OptionalLimit(data_key="MAX_OPEN_BOOKINGS", load_default=10)
    declared_queues = DeclaredQueues(data_key="DECLARED_QUEUES", load_default=None)

    @post_load
    def to_settings(self, data: dict[str, Any], **_kwargs: Any) -> Settings:
        webhook = data.pop("webhook")
        outbox = OutboxSettings(**{name: data.pop(name) for name in _OUTBOX_FIELDS})
        return Settings(**data, outbox=outbox, has_webhook=bool(webhook["url"]))


def load(path: str) -> dict[str, Any]:
    """Read a configuration file exactly as `nameko run --config` does. Raises: ConfigError."""
    try:
        config = load_yaml(path)
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())  # YAML errors span several lines
        raise ConfigError(reason) from None
    if not isinstance(config, dict):
        raise ConfigError("the file contains no settings")
    prepare(config)
    return config


def prepare(config: dict[str, Any]) -> None:
    """Complete the parsed file in place: read secrets from their files, convert numbers.
    Idempotent.

    Raises: ConfigError, for settings that every process needs.
    """
    read_secret_files(config)
    schema = ProcessSchema()
    config.update(schema.dump(read(schema, config)))


def read(schema: Schema, config: Mapping[str, Any]) -> Any:
    """Load one part of the configuration. Raises: ConfigError, which names every invalid key."""
    try:
        return schema.load(config)
    except ValidationError as error:
        raise ConfigError(fault_line(error.normalized_messages())) from None


def settings(config: Mapping[str, Any]) -> Settings:
    """Raises: ConfigError."""
    result: Settings = read(SettingsSchema(), config)
    return result
