"""What the gateway reads of its configuration, and which values stop the start."""

from __future__ import annotations

from typing import Any

import pytest

from clinic.errors import ConfigError
from gateway.settings import GatewaySettings, gateway_settings

ONE, TWO = "the first key of two", "the second of two"


def read(**config: Any) -> GatewaySettings:
    return gateway_settings(config)


def test_everything_may_be_left_out() -> None:
    assert read() == GatewaySettings(frozenset(), "60/minute", "10/minute", 0)


# --- keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (ONE, {ONE}),
        (f"{ONE},{TWO}", {ONE, TWO}),
        (f"{ONE} , {TWO} ,,", {ONE, TWO}),
        (f"{ONE},{ONE}", {ONE}),
        ("with space in it", {"with space in it"}),
        ("!#$%&'()*+-./:;<=>?@[\\]^_`{|}~", {"!#$%&'()*+-./:;<=>?@[\\]^_`{|}~"}),
        ("", set()),
        (None, set()),
    ],
    ids=repr,
)
def test_keys_are_separated_by_commas(text: Any, keys: set[str]) -> None:
    assert read(STAFF_API_KEY=text).staff_api_keys == keys


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}ñ",
        f"{ONE},{TWO}ñ",
        f"{ONE}\N{FULLWIDTH DIGIT ONE}",
        *(f"a{control}b, and some more" for control in "\t\n\r\x00\x7f"),
    ],
    ids=ascii,
)
def test_a_key_that_no_header_can_carry_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"STAFF_API_KEY.*(printable ASCII|control)"):
        read(STAFF_API_KEY=text)


@pytest.mark.parametrize(
    "text",
    [
        *(",", " ", " , ,", 123, "15 characters..", f"{ONE},short", f'"{ONE}"', f"'{ONE},{TWO}'"),
        *(f'{ONE},"{TWO}"', f"{ONE} ", f" {ONE}", f"{ONE}\r", f"{ONE},\udcff and others"),
    ],
    ids=ascii,
)
def test_keys_that_are_short_or_quoted_or_none_are_refused(text: Any) -> None:
    with pytest.raises(ConfigError, match=r"^STAFF_API_KEY: "):
        read(STAFF_API_KEY=text)


def test_a_refused_key_is_not_quoted() -> None:
    with pytest.raises(ConfigError) as refusal:
        read(STAFF_API_KEY="geheim,the clave of ñ")
    assert "geheim" not in str(refusal.value)
    assert "clave" not in str(refusal.value)


# --- rates


@pytest.mark.parametrize(
    "rate",
    ["20/minute", "20 per minute", "1/second", "5/10 seconds", "5/second;100/hour", "9/day"],
)
def test_a_rate_is_a_number_per_time(rate: str) -> None:
    assert read(RATE_LIMIT=rate).rate_limit == rate


@pytest.mark.parametrize("rate", ["", None], ids=repr)
def test_an_unset_rate_is_the_default(rate: Any) -> None:
    assert read(RATE_LIMIT=rate).rate_limit == "60/minute"


@pytest.mark.parametrize("rate", ["off", "OFF", False], ids=repr)
def test_a_rate_may_be_off(rate: Any) -> None:
    assert read(RATE_LIMIT=rate).rate_limit is None


@pytest.mark.parametrize(
    "rate",
    [
        *("many", "20", "20/", "/minute", "-1/minute", "1.5/minute", "20/fortnight", "offf"),
        *("0/minute", "5/second;0/hour", "٢/minute", 20, 0, True, ["1/day"]),
    ],
    ids=repr,
)
def test_a_rate_that_is_none_is_refused(rate: Any) -> None:
    with pytest.raises(ConfigError, match=r"RATE_LIMIT.*must be a rate like 60/minute, or off"):
        read(RATE_LIMIT=rate)


# --- proxies


@pytest.mark.parametrize("count", [0, 1, 10])
def test_some_proxies_may_be_trusted(count: int) -> None:
    assert read(TRUSTED_PROXIES=count).trusted_proxies == count


@pytest.mark.parametrize("count", [-1, 11, 1.5, "one", "127.0.0.1", True, [1]], ids=repr)
def test_a_number_of_proxies_that_is_none_is_refused(count: Any) -> None:
    with pytest.raises(ConfigError, match="TRUSTED_PROXIES"):
        read(TRUSTED_PROXIES=count)


def test_all_errors_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as refusal:
        read(STAFF_API_KEY="ñ", RATE_LIMIT="many", TRUSTED_PROXIES="one")
    for key in ("STAFF_API_KEY", "RATE_LIMIT", "TRUSTED_PROXIES"):
        assert key in str(refusal.value)


@pytest.mark.parametrize(
    ("chosen", "generated", "keys", "is_restricted"),
    [
        ("", "", set(), False),
        ("", "a generated key of it", {"a generated key of it"}, False),
        ("a key that was chosen", "", {"a key that was chosen"}, True),
        ("a key that was chosen", "a generated key of it", {"a key that was chosen"}, True),
    ],
)
def test_a_generated_key_counts_until_one_is_chosen_and_leaves_the_list_open(
    chosen: str, generated: str, keys: set[str], is_restricted: bool
) -> None:
    found = read(STAFF_API_KEY=chosen, GENERATED_STAFF_KEY=generated)
    assert (found.staff_keys, found.is_list_restricted) == (keys, is_restricted)
