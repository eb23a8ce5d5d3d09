"""What the text of a setting may be, wherever it comes from.

Compose's `env_file` and `docker run --env-file` keep quotes and blanks around a value, and a file
from Windows leaves a carriage return at its end. None of them belongs to a value, so all are
rejected, in secrets too: they would be wrong without a trace.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import SplitResult, urlsplit

from marshmallow import ValidationError

_QUOTES = "\"'"
#: Control characters, and what Python makes of bytes that are no UTF-8.
_UNUSABLE = frozenset({"Cc", "Cs"})
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MAX_HOST_LENGTH = 253


def plain_text(value: object) -> str:
    """Return the value as it is. Raises: ValidationError, which never quotes it."""
    if not isinstance(value, str):
        raise ValidationError("must be text")
    require_usable(value)
    if value != value.strip():
        raise ValidationError("must have no blanks before or after it")
    if len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES:
        raise ValidationError("must have no quotes around it")
    return value


def require_usable(text: str) -> None:
    """Raises: ValidationError for control characters, such as line ends, and for broken UTF-8."""
    if any(unicodedata.category(character) in _UNUSABLE for character in text):
        raise ValidationError("must be UTF-8 without control characters or line ends")


def is_host(text: str) -> bool:
    """Whether it is an IP address or the ASCII form of a host name."""
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
    """Whether it can only be this machine, as far as its text says."""
    if is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host.lower().removesuffix(".") == "localhost"


def split_url(text: str, schemes: tuple[str, ...]) -> SplitResult | None:
    """Take a URL apart; None without a scheme of these, a host, or with a wrong port."""
    try:
        url = urlsplit(text)
        is_usable = url.scheme in schemes and is_host(url.hostname or "") and url.port != 0
    except ValueError:
        return None
    return url if is_usable else None
