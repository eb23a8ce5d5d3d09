"""Validates a request head by RFC 9110, RFC 9112 and size limits, before anything else parses
it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from functools import lru_cache
from typing import Any

from werkzeug.exceptions import (
    BadRequest,
    ExpectationFailed,
    HTTPException,
    RequestHeaderFieldsTooLarge,
    RequestURITooLarge,
    UnsupportedMediaType,
)
from werkzeug.exceptions import NotImplemented as NotImplemented_

#: Bytes of a path and its query; RFC 9112, section 3, recommends at least 8000.
MAX_TARGET_BYTES = 8000
#: Characters of a header field that the gateway parses. Other fields may be longer.
MAX_FIELD_CHARACTERS = 4096

_PARSED = frozenset(
    {
        "CONTENT_TYPE",
        "HTTP_ACCEPT",
        "HTTP_ACCEPT_LANGUAGE",
        "HTTP_AUTHORIZATION",
        "HTTP_IDEMPOTENCY_KEY",
        "HTTP_IF_MATCH",
        "HTTP_IF_NONE_MATCH",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_REQUEST_ID",
    }
)
#: uri-host and port of RFC 9110, section 7.2. Two joined fields contain ", " and don't match.
_MAX_HOST = 300  #: a name of 253, brackets and a port
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(:\d{0,5})?", re.ASCII)


class UnsupportedContentCoding(UnsupportedMediaType):
    """A compressed body. The response lists supported codings: RFC 9110, section 15.5.16."""

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        return [*super().get_headers(*args, **kwargs), ("Accept-Encoding", "identity")]


def violation(
    environ: Mapping[str, Any], path_length: int, long_fields: Set[str]
) -> HTTPException | None:
    """Return the error of an invalid request head, or None. `long_fields` names the fields longer
    than `MAX_FIELD_CHARACTERS`."""
    if path_length + len(environ["QUERY_STRING"]) > MAX_TARGET_BYTES:
        return RequestURITooLarge()
    if long_fields and long_fields & _PARSED:
        return RequestHeaderFieldsTooLarge()
    if not (_has_valid_host(environ) and _has_one_length(environ)):
        return BadRequest()
    if not _is_supported(environ):
        return NotImplemented_()
    if "HTTP_EXPECT" in environ and environ["HTTP_EXPECT"].lower() != "100-continue":
        return ExpectationFailed()
    coding = environ.get("HTTP_CONTENT_ENCODING")
    if coding and coding.lower() != "identity":
        return UnsupportedContentCoding()
    return None


def _has_valid_host(environ: Mapping[str, Any]) -> bool:
    """HTTP/1.0 may omit the host (RFC 9112, section 3.2); granian then sets an empty one."""
    host = environ.get("HTTP_HOST", "")
    if not host:
        return bool(environ["SERVER_PROTOCOL"] in ("HTTP/1", "HTTP/1.0"))
    return len(host) <= _MAX_HOST and _is_valid_host(host)


@lru_cache(maxsize=256)
def _is_valid_host(host: str) -> bool:
    return _HOST.fullmatch(host) is not None


def _has_one_length(environ: Mapping[str, Any]) -> bool:
    """Reject two lengths, a sign of request smuggling: RFC 9112, section 6.3."""
    length = environ.get("CONTENT_LENGTH")
    return length is None or (length.isdigit() and "HTTP_TRANSFER_ENCODING" not in environ)


def _is_supported(environ: Mapping[str, Any]) -> bool:
    """Check method (case-sensitive: RFC 9110, section 9.1) and coding (RFC 9112, section 6.1)."""
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    is_known = coding is None or coding.lower() == "chunked"
    return is_known and bool(environ["REQUEST_METHOD"].isupper())
