"""The address of the client, for logs and as the key of rate limits."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from flask import request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Stands for a client without an address, for example behind a Unix socket.
UNKNOWN = "unknown"

#: RFC 6052: IPv4 clients behind a NAT64 gateway.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: Providers assign at least a /64 to one customer (RFC 6177), who may use any address in it.
_IPV6_PREFIX = 64
#: The longest address, plus a zone id (an interface name), brackets and a port.
_MAX_LENGTH = 80


class ClientAddressMiddleware:
    """Sets `REMOTE_ADDR` to the plain address of the client.

    Each of the `trusted_proxies` appends the address of its peer to `X-Forwarded-For`. The client
    is therefore that many members from the end; earlier members may be forged. If that member is
    missing or invalid, the address of the connection applies.
    """

    def __init__(self, application: WSGIApplication, trusted_proxies: int) -> None:
        self._application = application
        self._trusted_proxies = trusted_proxies

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        peer = parse_address(environ.get("REMOTE_ADDR", ""))
        client = self._forwarded(environ.get("HTTP_X_FORWARDED_FOR", "")) or peer
        environ["REMOTE_ADDR"] = str(client) if client else UNKNOWN
        return self._application(environ, start_response)

    def _forwarded(self, header: str) -> IPv4Address | IPv6Address | None:
        if not (self._trusted_proxies and header):
            return None
        # Don't parse quoted strings: a forged quotation mark would hide the members after it.
        members = [member for member in header.split(",") if not member.isspace() and member]
        if len(members) < self._trusted_proxies:
            return None
        return parse_address(members[-self._trusted_proxies])


def client_address() -> str:
    """Return the client's address, for logs. It is personal data."""
    return request.remote_addr or UNKNOWN


def client_key() -> str:
    """Return the key of this client for all rate limits."""
    return limit_key(client_address())


@lru_cache(maxsize=4096)
def limit_key(address: str) -> str:
    """Return an IPv4 address as it is, and of an IPv6 address its /64 network."""
    parsed = parse_address(address)
    if parsed is None:
        return UNKNOWN
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(ipaddress.IPv6Network((parsed.packed, _IPV6_PREFIX), strict=False))


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address, which may have brackets, quotation marks, a port or a zone id.

    Returns IPv4 for an IPv4 address embedded in IPv6, and None for an invalid address.
    """
    return _parse(text) if len(text) <= _MAX_LENGTH else None


@lru_cache(maxsize=4096)
def _parse(text: str) -> IPv4Address | IPv6Address | None:
    for candidate in _candidates(text.strip().strip('"')):
        try:
            address = ipaddress.ip_address(candidate.partition("%")[0])
        except ValueError:
            continue
        return _embedded_ipv4(address) or address
    return None


def _candidates(text: str) -> Iterator[str]:
    """Yield the parts of the text that may be the address, the likeliest first."""
    if text.startswith("["):
        yield text[1:].partition("]")[0]
    else:
        yield text
        yield text.rpartition(":")[0]


def _embedded_ipv4(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped
