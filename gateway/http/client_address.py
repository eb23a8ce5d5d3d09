"""The address of the client: as it is for logs, and as the key by which limits count."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from flask import request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: What stands for a client whose address nobody knows, as behind a Unix socket.
UNKNOWN = "unknown"

#: RFC 6052: IPv4 clients of a network that translates addresses.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: Providers assign at least so much to one customer (RFC 6177), who may use any address of it.
_IPV6_PREFIX = 64
#: The longest address, a zone id as long as an interface's name, brackets and a port.
_MAX_LENGTH = 80


class ClientAddressMiddleware:
    """Sets `REMOTE_ADDR` to the plain address of the client.

    Each of the `trusted_proxies` in front appends the address of its peer to `X-Forwarded-For`, so
    the client is that many members from the end; members before it are the client's own words.
    Where that member is missing or no address, the address of the connection stays.
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
        # No list of quoted strings: a quotation mark of the client's would hide what follows it.
        members = [member for member in header.split(",") if not member.isspace() and member]
        if len(members) < self._trusted_proxies:
            return None
        return parse_address(members[-self._trusted_proxies])


def client_address() -> str:
    """The address of the client of this request, for logs. It is personal data."""
    return request.remote_addr or UNKNOWN


def client_key() -> str:
    """The key by which all limits count the client of this request."""
    return limit_key(client_address())


@lru_cache(maxsize=4096)
def limit_key(address: str) -> str:
    """An IPv4 address, or the /64 network of an IPv6 address."""
    parsed = parse_address(address)
    if parsed is None:
        return UNKNOWN
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(ipaddress.IPv6Network((parsed.packed, _IPV6_PREFIX), strict=False))


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address as proxies write it, with or without brackets, quotation marks, a port, a
    zone id.

    An IPv4 address within an IPv6 address becomes IPv4. None for what is no address.
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
    """What of the text may be the address, the likeliest first."""
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
