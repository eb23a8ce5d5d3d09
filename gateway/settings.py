"""The settings that the gateway reads from `config.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields, post_load

from clinic.catalogue.from_configuration import (
    DEFAULT_SETTINGS,
    CatalogueSettings,
    CatalogueSettingsSchema,
    to_catalogue_settings,
)
from clinic.config import ConfigSchema, read
from clinic.configuration.sender import DEFAULT_SENDER, Sender, SenderField
from clinic.configuration.setting_fields import PublicUrl, SecretList, WholeNumber
from gateway.limits.rate_limits import Rate

_UTC = ZoneInfo("UTC")
_DEFAULT_SMTP = {"sender": Sender(DEFAULT_SENDER)}


@dataclass(frozen=True, slots=True)
class Hours:
    """The part of the calendar that pages show; the booking service has all of it."""

    zone: ZoneInfo = _UTC
    slot: timedelta = timedelta(minutes=30)
    horizon: timedelta = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`staff_api_keys` come from the operator; `generated_staff_keys` apply only without them.
    `domain` is that of the sender address of e-mails. Without `link_secrets`, no link code of an
    e-mail is valid. A limit of None disables it."""

    staff_api_keys: frozenset[str] = field(default=frozenset(), repr=False)
    rate_limit: str | None = None
    failed_attempts_limit: str | None = None
    trusted_proxies: int = 0
    catalogue: CatalogueSettings = DEFAULT_SETTINGS
    domain: str = "clinica.example"
    link_secrets: tuple[str, ...] = field(default=(), repr=False)
    generated_staff_keys: frozenset[str] = field(default=frozenset(), repr=False)
    public_url: str = ""

    @property
    def hours(self) -> Hours:
        catalogue = self.catalogue.default
        (site,) = catalogue.sites.values()
        return Hours(site.zone, catalogue.default_service.duration, catalogue.horizon)

    @property
    def staff_keys(self) -> frozenset[str]:
        """The keys that are accepted."""
        return self.staff_api_keys or self.generated_staff_keys

    @property
    def is_list_restricted(self) -> bool:
        """Whether `GET /bookings/` requires a staff key: only if the operator set one."""
        return bool(self.staff_api_keys)

    @property
    def is_published_securely(self) -> bool:
        """Whether the public URL of the gateway is https."""
        return urlsplit(self.public_url).scheme == "https"


class Keys(SecretList):
    """Keys separated by commas, in printable ASCII: an HTTP header has to carry them."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        keys = super()._deserialize(value, *args, **kwargs)
        if not all(key.isascii() for key in keys):
            raise ValidationError("must be printable ASCII")
        return keys


class SenderSchema(ConfigSchema):
    sender = SenderField(load_default=Sender(DEFAULT_SENDER))


class GatewaySettingsSchema(CatalogueSettingsSchema):
    staff_api_keys = Keys(data_key="STAFF_API_KEY", load_default=())
    generated_staff_keys = Keys(data_key="GENERATED_STAFF_KEY", load_default=())
    rate_limit = Rate(data_key="RATE_LIMIT", load_default="60/minute")
    failed_attempts_limit = Rate(data_key="FAILED_ATTEMPTS_LIMIT", load_default="10/minute")
    trusted_proxies = WholeNumber(0, 10, data_key="TRUSTED_PROXIES", load_default=0)
    smtp = fields.Nested(SenderSchema, data_key="SMTP", load_default=_DEFAULT_SMTP)
    public_url = PublicUrl(data_key="PUBLIC_URL", load_default="")
    link_secrets = SecretList(data_key="LINK_SECRET", load_default=())

    @post_load
    def to_settings(self, data: dict[str, Any], **_kwargs: Any) -> GatewaySettings:
        domain = data.pop("smtp")["sender"].domain
        for keys in ("staff_api_keys", "generated_staff_keys"):
            data[keys] = frozenset(data[keys])
        catalogue = to_catalogue_settings(data)
        del data["calendar"], data["refresh_seconds"]
        return GatewaySettings(**data, catalogue=catalogue, domain=domain)


def gateway_settings(config: Mapping[str, Any]) -> GatewaySettings:
    """Raises: ConfigError, which lists every invalid key."""
    result: GatewaySettings = read(GatewaySettingsSchema(), config)
    return result
