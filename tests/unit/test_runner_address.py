"""Each value of `HOST` works, or is one line before anything is started."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from eventlet import patcher

from runner.address import parse_address
from runner.startup_error import StartupError


@pytest.fixture(autouse=True)
def system_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner has no monkey patch, and eventlet's resolver reads names differently."""
    monkeypatch.setattr(socket, "getaddrinfo", patcher.original("socket").getaddrinfo)


@pytest.mark.parametrize(
    ("host", "ip", "client_ip", "url_host"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0", "127.0.0.1", "127.0.0.1"),
        ("::1", "::1", "::1", "[::1]"),
        ("[::1]", "::1", "::1", "[::1]"),
        ("0:0:0:0:0:0:0:1", "::1", "::1", "[::1]"),
        ("::", "::", "::1", "[::1]"),
        ("::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("2001:DB8::A", "2001:db8::a", "2001:db8::a", "[2001:db8::a]"),
        ("localhost", "127.0.0.1", "127.0.0.1", "localhost"),
        ("LocalHost", "127.0.0.1", "127.0.0.1", "LocalHost"),
        ("127.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("0", "0.0.0.0", "127.0.0.1", "127.0.0.1"),
    ],
)
def test_an_address_is_listened_on_and_has_its_form_in_a_url(
    host: str, ip: str, client_ip: str, url_host: str
) -> None:
    address = parse_address(host)
    assert (str(address.ip), address.client_ip, address.url_host) == (ip, client_ip, url_host)


@pytest.mark.parametrize(
    "host",
    [
        "nowhere.invalid",
        " ",
        " 127.0.0.1",
        "127.0.0.1\r",
        '"127.0.0.1"',
        "127.0.0.1:3000",
        "[127.0.0.1",
        "[localhost]",
        "http://localhost",
        "localhost/clinic",
        "127.0.0.1/8",
        "127.0.0.256",
        "a..b",
        "a" * 64,
        "line\nline",
        "*",
        "fe80::1%lo",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
    ],
)
def test_what_nobody_can_listen_on_is_one_line(host: str) -> None:
    with pytest.raises(StartupError) as problem:
        parse_address(host)
    (line,) = str(problem.value).splitlines()
    assert line.startswith("HOST must be ")
    assert repr(host) in line


def test_a_name_that_has_ipv6_alone_is_listened_on(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, [(socket.AF_INET6, "2001:db8::1")])
    address = parse_address("six.example")
    assert (str(address.ip), address.url_host) == ("2001:db8::1", "six.example")


def test_a_name_that_has_both_is_listened_on_by_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(
        monkeypatch,
        [
            (socket.AF_INET6, "::1"),
            (socket.AF_INET, "192.0.2.1"),
            (socket.AF_INET, "192.0.2.2"),
        ],
    )
    assert str(parse_address("both.example").ip) == "192.0.2.1"


def resolves_to(
    monkeypatch: pytest.MonkeyPatch, addresses: list[tuple[socket.AddressFamily, str]]
) -> None:
    """Have every name resolve to these, as a name server may answer."""

    def answer(*_: Any, **__: Any) -> list[Any]:
        return [(family, socket.SOCK_STREAM, 6, "", (ip, 0)) for family, ip in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
