"""Every variable with quotes, blanks or control characters in it is refused in one line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from nameko.cli.main import setup_yaml_parser

from booking_service.settings import booking_settings
from clinic.config import load, prepare, settings
from clinic.errors import ConfigError
from gateway.settings import gateway_settings
from notification_service.settings import notification_settings
from runner.configuration import require_configuration
from runner.startup_error import StartupError

FILE = Path(__file__).parents[2] / "config.yaml"
#: A value of each kind of variable that works.
GOOD = {
    "AMQP_URI": "amqp://clinic:clinic@broker:5672/",
    "MONGODB_URI": "mongodb://clinic:clinic@db:27017/clinic",
    "AVAILABILITY_DELAY_SECONDS": "2-5",
    "DECLARED_QUEUES": "all",
    "AVAILABILITY_FAILURE_RATE": "0.5",
    "CLINIC_HOLIDAYS": "ES-MD",
    "CLINIC_TIMEZONE": "Europe/Madrid",
    "LOG_FORMAT": "json",
    "MONITOR_HOST": "127.0.0.1",
    "MONITOR_PORT": "9100",
    "RATE_LIMIT": "20/minute",
    "FAILED_ATTEMPTS_LIMIT": "10/minute",
    "REMINDER_HOURS": "48",
    "SMTP_HOST": "mail.example",
    "SMTP_PASSWORD": "contraseñ4",
    "SMTP_USERNAME": "citas",
    "SMTP_STARTTLS": "true",
    "SMTP_TLS": "starttls",
    "SMTP_SENDER": "citas@clinica.example",
    "SMTP_SENDER_NAME": "Clínica Sol",
    "WEBHOOK_URL": "https://example.org/hook",
    "WEBHOOK_SECRET": "known to the receiver",
    "PUBLIC_URL": "https://citas.clinica.example",
    "LINK_SECRET": "a secret of the clinic",
    "STAFF_API_KEY": "the key of the staff",
    "GENERATED_STAFF_KEY": "the key of the staff",
}
NAMES = [
    name
    for name in re.findall(r"^[^#\n]*\$\{([A-Z_]+):", FILE.read_text("utf-8"), re.MULTILINE)
    if not name.endswith("_FILE")
]
#: What Compose, Docker and Windows leave around a value, and bytes that belong to none.
SPOILT = ['"{}"', "'{}'", " {}", "{} ", "{}\r", "{}\n", "\t{}", "{}\x7f", "{}\udcff", "\u00a0{}"]
NUMBERS = [
    *("CLINIC_SLOT_MINUTES", "CLINIC_SEATS_PER_SLOT", "CLINIC_HORIZON_DAYS", "SMTP_PORT"),
    *(
        "BOOKING_MAX_ATTEMPTS",
        "EMAIL_RETRY_TTL_SECONDS",
        "WEBHOOK_MAX_ATTEMPTS",
        "OUTBOX_MAX_PENDING",
    ),
    *("OUTBOX_HEARTBEAT_TIMEOUT_SECONDS", "REMINDER_HOURS", "BOOKING_MAX_WORKERS", "MONITOR_PORT"),
    *("TRUSTED_PROXIES", "AVAILABILITY_FAILURE_RATE", "AVAILABILITY_DELAY_SECONDS"),
]


@pytest.fixture(autouse=True)
def good_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_CONFIG", str(FILE))
    for name in ("SMTP_HOST", "WEBHOOK_URL", "WEBHOOK_SECRET"):
        monkeypatch.setenv(name, GOOD[name])


def faults() -> str:
    """What each reader of the file refuses, in one text."""
    setup_yaml_parser()
    config = yaml.safe_load(FILE.read_text("utf-8"))
    lines = []
    for read in (prepare, settings, booking_settings, notification_settings, gateway_settings):
        try:
            read(config)
        except ConfigError as fault:
            lines.append(str(fault))
    assert not any("\n" in line or "\r" in line for line in lines)
    return "; ".join(lines)


def named(text: str) -> set[str]:
    """The variables that a line begins its faults with."""
    return {found.group(1) for found in re.finditer(r"(?:^|; )([A-Z_]+)(?: \(\S+\))?: ", text)}


def refused(variable: str) -> str:
    """The line with which nothing is started."""
    with pytest.raises(StartupError) as problem:
        require_configuration()
    (line,) = str(problem.value).splitlines()
    assert re.search(rf"(: |; ){variable}( \(\S+\))?: ", line)
    return line


def test_a_good_value_of_each_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, GOOD.get(name, "10"))
    assert faults() == ""
    require_configuration()


@pytest.mark.parametrize("spoilt", SPOILT, ids=ascii)
def test_what_stands_around_a_value_is_refused(
    spoilt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, spoilt.format(GOOD.get(name, "10")))
    assert named(faults()) == set(NAMES)


@pytest.mark.parametrize(
    "value",
    [
        *("1_0", "0x10", "0o10", "1e1", "+1", "nan", "inf", ".inf", "-.inf", "\u0661\u0660", "1,0"),
        *("12:30", "1" * 400, "99999999999", "-5", "ten", "true", "[1]", "{a: 1}", "~", "1 0"),
    ],
)
def test_a_number_has_decimal_digits_and_a_bound(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NUMBERS:
        monkeypatch.setenv(name, value)
    assert named(faults()) == set(NUMBERS)


def test_a_number_may_begin_with_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKING_MAX_WORKERS", "010")
    assert load(str(FILE))["max_workers"] == 10


@pytest.mark.parametrize(
    "zone",
    [
        *("right/Europe/Madrid", "posix/Europe/Madrid", "localtime", "posixrules", "Factory"),
        *("europe/madrid", "EUROPE/MADRID", "utc", "../Europe/Madrid", "Europe/../Europe/Madrid"),
        *("/usr/share/zoneinfo/Europe/Madrid", "./Europe/Madrid", "Europe//Madrid"),
        *("Europe/Madrid/", ".."),
        *("Europe", "tzdata.zi", "zone.tab", "CET-1CEST", "+02:00", ":UTC", "."),
    ],
)
def test_a_zone_is_one_of_the_iana_database(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_TIMEZONE", zone)
    refused("CLINIC_TIMEZONE")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Kyiv", "Europe/Kiev", "Etc/GMT+5", "EST5EDT"])
def test_every_zone_of_the_iana_database_is_taken(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLINIC_TIMEZONE", zone)
    require_configuration()


@pytest.mark.parametrize(
    "host",
    [
        *(
            "mail.example:587",
            "smtp://mail.example",
            "user@mail.example",
        ),
        *("mail example", "mail..example"),
        *(
            "-mail.example",
            "[::1]",
            "correo.clínica.example",
            "mail.example/",
            "m" * 64,
            "a." * 130,
        ),
        *(".", "mail.example\u200b"),
    ],
)
@pytest.mark.parametrize("name", ["SMTP_HOST", "MONITOR_HOST"])
def test_a_host_is_a_name_or_an_address(
    name: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, host)
    refused(name)


@pytest.mark.parametrize("host", ["mail", "mail_server", "10.0.0.1", "::1", "mail.example."])
def test_names_of_containers_and_addresses_are_hosts(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_HOST", host)
    require_configuration()


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "amqp://",
            "amqp:///v",
            "broker:5672",
            "http://broker/",
            "amqp://clinic:geheim@broker:port/",
        ),
        *("amqp://clinic:geheim@broker:99999/", "amqp://clinic:ge#heim@broker/", "amqp://a/;"),
        *("amqp://clinic:ge/heim@broker/", "amqp://a/;mqp://b/", "amqp://a/;b:5672", "memory://"),
        *("amqps://a/?ssl_cert_reqs=none", "amqp://a/?connect_timeout=5", "amqp://bro ker/"),
        "amqp://a/?frame_max=1",
    ],
)
def test_an_address_of_a_broker_that_is_none_is_refused_and_not_quoted(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMQP_URI", uri)
    assert "heim" not in refused("AMQP_URI")


@pytest.mark.parametrize(
    "uri",
    [
        *("mongodb://", "db:27017", "http://db/", "mongodb://u:ge@heim@db/", "mongodb://db:port/"),
        *(
            "mongodb://u:ge/heim@db/clinic",
            "mongodb://db/cli nic",
            "mongodb://db/?w=geheim&tls=maybe",
        ),
        "mongodb://db:99999/",
    ],
)
def test_an_address_of_a_database_that_is_none_is_refused_and_not_quoted(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGODB_URI", uri)
    assert "heim" not in refused("MONGODB_URI")


@pytest.mark.parametrize("name", ["AMQP_URI", "MONGODB_URI", "STAFF_API_KEY", "LINK_SECRET"])
def test_a_spoilt_secret_is_not_quoted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, f'"{GOOD[name]}geheim"')
    assert "geheim" not in refused(name)


def test_what_nameko_reads_itself_is_refused_when_the_file_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("BOOKING_MAX_WORKERS", "MONITOR_PORT", "LOG_FORMAT"):
        monkeypatch.setenv(name, '"7"')
    with pytest.raises(ConfigError) as fault:
        load(str(FILE))
    assert all(name in str(fault.value) for name in ("BOOKING_MAX_WORKERS", "MONITOR_PORT"))
    assert "LOG_FORMAT" in str(fault.value)


def test_a_number_of_the_file_itself_is_taken() -> None:
    config: dict[str, Any] = load(str(FILE))
    config["CALENDAR"]["seats_per_slot"] = 3
    (pool,) = booking_settings(config).catalogue.default.schedules.values()
    assert pool.capacity == 3


def test_no_variable_of_this_machine_is_needed() -> None:
    assert os.environ.get("AMQP_URI") is None
    require_configuration()
