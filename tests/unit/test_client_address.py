"""The client's address as proxies write it, and the key by which limits count."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.http.client_address import UNKNOWN, ClientAddressMiddleware, limit_key, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:50000", "203.0.113.7"),
        ("203.0.113.7:", "203.0.113.7"),
        ("203.0.113.7:_hidden", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:50000", "2001:db8::7"),
        ('"[2001:db8::7]:50000"', "2001:db8::7"),
        ("2001:db8:1:2:3:4:5:6:50000", "2001:db8:1:2:3:4:5:6"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:50000", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:50000", "203.0.113.7"),
        ("::ffff:cb00:7107", "203.0.113.7"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
    ],
)
def test_addresses_are_read_as_proxies_write_them(text: str, address: str) -> None:
    assert str(parse_address(text)) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ":", "[", "]", '"', "unknown", "_hidden", "localhost", "example.com:80"),
        *("1.2.3", "1.2.3.256", "203.000.113.007", "٢٠٣.0.113.7", "%eth0"),
        *("1" * 5000, "2001:db8::7" + "%z" * 99),
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


def test_an_ipv6_network_of_64_bits_is_one_client() -> None:
    keys = {limit_key(f"2001:db8:1:1::{host:x}") for host in range(300)}
    assert keys == {"2001:db8:1:1::/64"}
    assert limit_key("2001:db8:1:2::1") not in keys


def test_each_ipv4_address_is_a_client_however_it_is_written() -> None:
    assert limit_key("::ffff:203.0.113.7") == limit_key("203.0.113.7") == "203.0.113.7"
    assert limit_key("203.0.113.8") != limit_key("203.0.113.7")


def seen(forwarded: str | None, proxies: int, peer: str = "10.0.0.1") -> str:
    environ: dict[str, Any] = {"REMOTE_ADDR": peer}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    ClientAddressMiddleware(lambda *_: [], proxies)(environ, lambda *_: lambda _: None)
    address: str = environ["REMOTE_ADDR"]
    return address


@pytest.mark.parametrize(
    ("forwarded", "proxies", "client"),
    [
        (None, 1, "10.0.0.1"),
        ("203.0.113.7", 0, "10.0.0.1"),
        ("203.0.113.7", 1, "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7:50000", 1, "203.0.113.7"),
        ("203.0.113.7, 10.0.0.9", 2, "203.0.113.7"),
        ("6.6.6.6,203.0.113.7,\t10.0.0.9", 2, "203.0.113.7"),
        ("203.0.113.7, , 10.0.0.9,", 2, "203.0.113.7"),
        ("203.0.113.7", 2, "10.0.0.1"),
        ("6.6.6.6, unknown", 1, "10.0.0.1"),
        ("6.6.6.6, ", 2, "10.0.0.1"),
        (", ,", 1, "10.0.0.1"),
        ('"6.6.6.6, 203.0.113.7', 1, "203.0.113.7"),
        ('"6.6.6.6", 203.0.113.7', 1, "203.0.113.7"),
    ],
)
def test_the_client_is_as_many_members_from_the_end_as_proxies_are_trusted(
    forwarded: str | None, proxies: int, client: str
) -> None:
    assert seen(forwarded, proxies) == client


def test_the_address_of_the_connection_is_written_plainly_too() -> None:
    assert seen(None, 0, peer="::ffff:127.0.0.1") == "127.0.0.1"
    assert seen(None, 0, peer="") == UNKNOWN
