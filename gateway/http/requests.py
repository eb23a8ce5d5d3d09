"""Reads bodies, headers, query parameters and credentials of requests."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Any

from flask import request
from marshmallow import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from clinic.contracts import strict_json
from clinic.domain import reasons
from gateway.server.request_body import MAX_BODY_BYTES

#: Characters in Accept-Language. A longer header is slow to parse, and no browser sends one.
_MAX_LANGUAGES = 1000

#: Query parameters that others add: jQuery's cache buster, and campaign tracking.
_ADDED = re.compile(r"_|utm_\w+|fbclid|gclid|dclid|msclkid|yclid|igshid|mc_[ce]id", re.ASCII)

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_QUOTED = re.compile(r'"([ !#-\[\]-~]|\\["\\])*"')
_MAX_KEY_FIELD = 500  #: characters, quoted and escaped


def json_body() -> Any:
    """Return the decoded JSON. Raises: InvalidJson, UnsupportedMediaType,
    RequestEntityTooLarge."""
    if request.mimetype != "application/json" or _is_wide_encoding(request.mimetype_params):
        raise UnsupportedMediaType
    data = request.get_data(cache=False)
    # A chunked body is cut at the limit without an error, so one of that length may be longer.
    if request.content_length is None and len(data) >= MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    return strict_json.loads(data)


def _is_wide_encoding(parameters: Mapping[str, str]) -> bool:
    """JSON is UTF-8 and has no charset parameter (RFC 8259, sections 8.1 and 11). Ignore it, except
    for UTF-16 and UTF-32, which can't be decoded."""
    charset = parameters.get("charset", "").lower()
    return charset.startswith(("utf-16", "utf16", "utf-32", "utf32"))


def optional_json_body() -> Any:
    """Return the decoded JSON, an empty object without a body. Raises: as `json_body`."""
    return json_body() if request.get_data(cache=True) else {}


def idempotency_key() -> str | None:
    """Return the Idempotency-Key, without the quotes that the IETF draft requires.

    Raises: ValidationError for a key that is empty, too long or not visible ASCII.
    """
    field = request.headers.get("Idempotency-Key")
    if field is None:
        return None
    key = _unquoted(field) if len(field) <= _MAX_KEY_FIELD else ""
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise ValidationError({"Idempotency-Key": ["must be 1 to 200 visible ASCII characters"]})
    return key


def _unquoted(field: str) -> str:
    """Parse a String of RFC 9651, section 3.3.3; return any other value unchanged."""
    field = field.strip(" \t")
    return re.sub(r"\\(.)", r"\1", field[1:-1]) if _QUOTED.fullmatch(field) else field


def language() -> str:
    """Return the language by Accept-Language: Spanish unless the client prefers English."""
    accepted = request.headers.get("Accept-Language", "")
    if not 0 < len(accepted) <= _MAX_LANGUAGES:
        return reasons.DEFAULT_LANGUAGE  # skip the matching, which is slow even for an empty header
    return request.accept_languages.best_match(reasons.LANGUAGES) or reasons.DEFAULT_LANGUAGE


def query() -> dict[str, str]:
    """Return the query parameters, without tracking parameters. Keeps unknown ones, so that
    validation rejects a misspelt filter.

    Raises: ValidationError for a repeated parameter.
    """
    given = {name: values for name, values in request.args.lists() if not _ADDED.fullmatch(name)}
    repeated = [name for name, values in given.items() if len(values) > 1]
    if repeated:
        raise ValidationError({name: ["must be given once"] for name in repeated})
    return {name: values[0] for name, values in given.items()}


def presented_token() -> str | None:
    """Return the bearer token, which may be empty, or None without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def is_any(token: str, keys: frozenset[str]) -> bool:
    """Whether the token is one of the keys; compares in constant time."""
    given = token.encode()
    return True in {hmac.compare_digest(given, key.encode()) for key in keys}
