"""Validates the text of settings, whatever their source.

Compose's `env_file` and `docker run --env-file` keep quotes and blanks around a value, and a file
from Windows leaves a carriage return at its end. All of these are rejected, in secrets too, where
they would be hard to notice.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import SplitResult, urlsplit

from marshmallow import ValidationError

_QUOTES = "\"'"
#: Control characters, and surrogates: Python decodes invalid UTF-8 to these.
_UNUSABLE = frozenset({"Cc", "Cs"})
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MAX_HOST_LENGTH = 253


def plain_text(value: object) -> str:
    """Return the value unchanged. Raises: ValidationError, which never quotes it."""
    if not isinstance(value, str):
        raise ValidationError("must be text")
    require_usable(value)
    if value != value.strip():
        raise ValidationError("must have no blanks before or after it")
    if len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES:
        raise ValidationError("must have no quotes around it")
    return value


def require_usable(text: str) -> None:
    """Raises: ValidationError for control characters, such as line ends, and invalid UTF-8."""
    if any(unicodedata.category(character) in _UNUSABLE for character in text):
        raise ValidationError("must be UTF-8 without control characters or line ends")


def is_host(text: str) -> bool:
    """Return whether it is an IP address or a host name in ASCII form."""
    if is_address(text):
        return True
    labels = text.removesuffix(".").split(".")
    return len(text) <= _MAX_HOST_LENGTH and all(_LABEL.fullmatch(label) for label in labels)


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine, judged by its text alone."""
    if is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host.lower().removesuffix(".") == "localhost"


def split_url(text: str, schemes: tuple[str, ...]) -> SplitResult | None:
    """Split a URL; return None for another scheme, a missing host or an invalid port."""
    try:
        url = urlsplit(text)
        is_usable = url.scheme in schemes and is_host(url.hostname or "") and url.port != 0
    except ValueError:
        return None
    return url if is_usable else None
