"""What the gateway reads of `config.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from limits import parse_many
from marshmallow import ValidationError, fields, post_load, validate

from clinic.config import ConfigSchema, LinkSecrets, read


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`staff_api_keys` may be empty: then the staff's calls are open to everybody. Without
    `link_secrets` the codes of letters open nothing."""

    staff_api_keys: frozenset[str] = frozenset()
    rate_limit: str = ""
    trusted_proxies: int = 0
    link_secrets: tuple[str, ...] = field(default=(), repr=False)


class Keys(fields.Field[frozenset[str]]):
    """Keys separated by commas; an HTTP header can carry printable ASCII only."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> frozenset[str]:
        keys = frozenset(key.strip() for key in str(value).split(",") if key.strip())
        if not all(key.isascii() and key.isprintable() for key in keys):
            raise ValidationError("must be printable ASCII")
        return keys


def _is_rate(text: str) -> None:
    try:
        parse_many(text)
    except ValueError:
        raise ValidationError(f"{text!r} is not a rate like 20/minute") from None


class GatewaySettingsSchema(ConfigSchema):
    staff_api_keys = Keys(data_key="STAFF_API_KEY", load_default=frozenset())
    rate_limit = fields.String(data_key="RATE_LIMIT", load_default="", validate=_is_rate)
    trusted_proxies = fields.Integer(
        data_key="TRUSTED_PROXIES", strict=True, load_default=0, validate=validate.Range(0, 10)
    )
    link_secrets = LinkSecrets(data_key="LINK_SECRET", load_default=())

    @post_load
    def to_settings(self, data: dict[str, Any], **_kwargs: Any) -> GatewaySettings:
        return GatewaySettings(**data)


def gateway_settings(config: Mapping[str, Any]) -> GatewaySettings:
    """Raises: ConfigError, which names every key at fault."""
    result: GatewaySettings = read(GatewaySettingsSchema(), config)
    return result
