"""The address that `HOST` names."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from runner.startup_error import StartupError

_LOOPBACK = {4: IPv4Address("127.0.0.1"), 6: IPv6Address("::1")}
_BROADCAST = IPv4Address("255.255.255.255")


@dataclass(frozen=True)
class Address:
    """Where the gateway listens; `name` is the host name in `HOST`, if it was one."""

    ip: IPv4Address | IPv6Address
    name: str | None = None

    @property
    def client_ip(self) -> str:
        """The address for clients on this machine: loopback for a wildcard."""
        return str(_LOOPBACK[self.ip.version] if self.ip.is_unspecified else self.ip)

    @property
    def url_host(self) -> str:
        """The host part of a URL (RFC 3986, section 3.2.2)."""
        ip = f"[{self.client_ip}]" if self.ip.version == 6 else self.client_ip
        return self.name or ip


def parse_address(host: str) -> Address:
    """Parse an IP address, optionally in brackets, or resolve a host name, preferably to IPv4.

    Raises: StartupError.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return Address(_listen_address(bare, host))
    except ValueError:
        ip = _listen_address(_resolved(host), host)
    # `127.1` and `0` are resolved too, but are not names.
    return Address(ip, host if any(map(str.isalpha, host)) else None)


def _listen_address(text: str, host: str) -> IPv4Address | IPv6Address:
    ip = ip_address(text)
    if isinstance(ip, IPv6Address):
        if ip.scope_id is not None:
            raise StartupError(f"HOST must be an address without a zone, not {host!r}")
        ip = ip.ipv4_mapped or ip
    if ip.is_multicast or ip == _BROADCAST:
        raise StartupError(f"HOST must be an address of one machine, not {host!r}")
    return ip


def _resolved(name: str) -> str:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    # UnicodeError: an invalid name, which is not even looked up.
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no host name"
        raise StartupError(
            f"HOST must be an IP address or a host name, not {name!r}: {reason}"
        ) from error
    by_family = {family: str(address[0]) for family, *_, address in reversed(found)}
    return by_family.get(socket.AF_INET) or by_family[socket.AF_INET6]
