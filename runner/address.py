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
    """Where the gateway listens; `name` is the host name that it was given by, if it was."""

    ip: IPv4Address | IPv6Address
    name: str | None = None

    @property
    def client_ip(self) -> str:
        """Where a client on this machine connects to: a wildcard is no address to connect to."""
        return str(_LOOPBACK[self.ip.version] if self.ip.is_unspecified else self.ip)

    @property
    def url_host(self) -> str:
        """The same as it stands in a URL (RFC 3986, 3.2.2)."""
        ip = f"[{self.client_ip}]" if self.ip.version == 6 else self.client_ip
        return self.name or ip


def parse_address(host: str) -> Address:
    """Read an IP address, in brackets or not, or resolve a host name, to IPv4 if it can be.

    Raises: Problem.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return Address(_one_to_listen_on(bare, host))
    except ValueError:
        ip = _one_to_listen_on(_resolved(host), host)
    # `127.1` and `0` are resolved too, and no names.
    return Address(ip, host if any(map(str.isalpha, host)) else None)


def _one_to_listen_on(text: str, host: str) -> IPv4Address | IPv6Address:
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
    # A name that no name server could have is not even looked up.
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no host name"
        raise StartupError(
            f"HOST must be an IP address or a host name, not {name!r}: {reason}"
        ) from error
    by_family = {family: str(address[0]) for family, *_, address in reversed(found)}
    return by_family.get(socket.AF_INET) or by_family[socket.AF_INET6]
