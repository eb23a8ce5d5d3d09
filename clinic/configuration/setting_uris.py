"""URIs of broker and database. Errors quote no part of a URI: it may hold a password."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from marshmallow import ValidationError, fields
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from clinic.configuration.setting_text import plain_text, split_url

_AMQP_SCHEMES = ("amqp", "amqps")
#: kombu treats any other option as its own argument. TLS has no options: it always verifies.
_AMQP_OPTIONS = frozenset({"heartbeat", "login_method"})


class AmqpUri(fields.Field[str]):
    """One URI, or the URIs of several nodes separated by semicolons."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        for node in plain_text(value).split(";"):
            _require_node(node)
        return str(value)


class MongoUri(fields.Field[str]):
    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        text = plain_text(value)
        if text.startswith("mongodb+srv://"):
            return text  # parsing it would query DNS
        try:
            parse_uri(text)
        except (PyMongoError, ValueError):
            raise ValidationError(
                "must be like mongodb://user:password@host:27017/clinic, with %40 for an @ in "
                "user or password, and so on"
            ) from None
        return text


def _require_node(node: str) -> None:
    if split_url(node, _AMQP_SCHEMES) is None:
        raise ValidationError(
            "must be like amqp://user:password@host:5672/, with %40 for an @ in user or password, "
            "and so on; nodes are separated by ;"
        )
    options = {name for name, _ in parse_qsl(urlsplit(node).query, keep_blank_values=True)}
    if not options <= _AMQP_OPTIONS:
        raise ValidationError(f"supports only the options {' and '.join(sorted(_AMQP_OPTIONS))}")
