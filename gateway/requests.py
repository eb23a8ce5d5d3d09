"""Reads what clients send: bodies, headers and credentials."""

from __future__ import annotations

import hmac
import re
from typing import Any

from flask import request
from marshmallow import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from clinic import reasons, strict_json

MAX_BODY_BYTES = 16 * 1024

#: Characters in Accept-Language. A long list takes long to read, and no browser sends one.
_MAX_LANGUAGES = 1000

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def json_body() -> tuple[bytes, Any]:
    """Return the body as it came and decoded. Raises: InvalidJson, UnsupportedMediaType,
    RequestEntityTooLarge."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    data = request.get_data(cache=False)
    # A body in chunks is cut at the limit without a word, so one that fills it may go on.
    if request.content_length is None and len(data) >= MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    return data, strict_json.loads(data)


def optional_json_body() -> Any:
    """Return the body decoded; of none, an empty object. Raises: as `json_body`."""
    return json_body()[1] if request.get_data(cache=True) else {}


def idempotency_key() -> str | None:
    """Raises: ValidationError for a key that is empty, too long or not plain ASCII."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise ValidationError({"Idempotency-Key": ["must be 1 to 200 visible ASCII characters"]})
    return key


def language() -> str:
    """Pick the patient's language by Accept-Language, Spanish unless English is preferred."""
    wanted = request.headers.get("Accept-Language", "")
    if not 0 < len(wanted) <= _MAX_LANGUAGES:
        return reasons.DEFAULT_LANGUAGE  # matching nothing takes as long as matching much
    return request.accept_languages.best_match(reasons.LANGUAGES) or reasons.DEFAULT_LANGUAGE


def query() -> dict[str, str]:
    """Return the query parameters. Raises: ValidationError for one that is given twice."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        raise ValidationError({name: ["must be given once"] for name in repeated})
    return request.args.to_dict()


def bearer() -> str:
    """Return the bearer token, or nothing where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def is_any(token: str, keys: frozenset[str]) -> bool:
    """Whether the token is one of the keys; takes as long for each wrong one."""
    given = token.encode()
    return True in {hmac.compare_digest(given, key.encode()) for key in keys}
