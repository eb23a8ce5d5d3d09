from __future__ import annotations

import re
from copy import deepcopy
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from booking_service.settings import BookingSettings, booking_settings
from clinic.config import load, settings
from clinic.domain.catalogue import Closure, Schedule, Site
from clinic.domain.retry_policy import RetryPolicy
from clinic.errors import ConfigError
from gateway.settings import GatewaySettings, gateway_settings
from notification_service.channels.email_channel import LogChannel, SmtpChannel
from notification_service.channels.smtp_connection import Tls
from notification_service.channels.webhook import WebhookChannel
from notification_service.settings import NotificationSettings, notification_settings

RECEIVER = "https://example.org/hook?a=b"
SECRET, OTHER_SECRET = "a secret of the clinic", "an older one of it"
FILE = Path(__file__).parents[2] / "config.yaml"
VARIABLES = sorted(re.findall(r"^[^#\n]*\$\{([A-Z_]+):", FILE.read_text("utf-8"), re.MULTILINE))


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def loaded() -> dict[str, Any]:
    return load(str(FILE))


def changed(*path: str, to: Any) -> dict[str, Any]:
    """The configuration with one value replaced."""
    config = deepcopy(loaded())
    *parents, key = path
    inner = config
    for each in parents:
        inner = inner[each]
    inner[key] = to
    return config


def calendar_site(config: Any = None) -> Site:
    (site,) = bookings(config).catalogue.default.sites.values()
    return site


def calendar_pool(config: Any = None) -> Schedule:
    (pool,) = bookings(config).catalogue.default.schedules.values()
    return pool


def slot() -> timedelta:
    return bookings().catalogue.default.default_service.duration


def opening_hours(config: Any = None) -> dict[int, list[str]]:
    hours = calendar_pool(config).hours
    return {each.weekday: [str(interval) for interval in each.intervals] for each in hours}


def bookings(config: dict[str, Any] | None = None) -> BookingSettings:
    return booking_settings(config or loaded())


def mail(config: dict[str, Any] | None = None) -> NotificationSettings:
    return notification_settings(config or loaded())


def hook(url: str, secret: str = "") -> WebhookChannel:
    """The webhook's channel; without a secret here, one of the environment's or a default."""
    config = changed("WEBHOOK", "url", to=url)
    config["WEBHOOK"]["secret"] = secret or config["WEBHOOK"]["secret"] or SECRET
    channel = mail(config).webhook
    assert channel is not None
    return channel


def web(config: dict[str, Any] | None = None) -> GatewaySettings:
    return gateway_settings(config or loaded())


def log_format(config: dict[str, Any] | None = None) -> Any:
    return (config or loaded())["LOGGING"]["formatters"]["console"]["kind"]


# --- defaults


def test_the_defaults_need_no_variable() -> None:
    read = settings(loaded())
    assert read.amqp_uri == "amqp://guest:guest@localhost:5672/"
    assert read.mongodb_uri == "mongodb://localhost:27017/clinic"
    assert (read.outbox.heartbeat_timeout_seconds, read.outbox.recovery_interval_seconds) == (10, 5)


def test_messages_are_tried_three_times_with_10_and_20_seconds_between() -> None:
    read = settings(loaded())
    assert read.booking_retry == read.email_retry == RetryPolicy(3, 10)
    assert read.retry_delays_seconds == [10, 20, 10, 20]


def test_a_webhook_is_off_by_default_and_tried_for_21_minutes_when_it_is_on() -> None:
    read = settings(loaded())
    assert mail().webhook is None
    assert (read.has_webhook, read.webhook_delays_seconds) == (False, None)
    on = settings(changed("WEBHOOK", "url", to="http://localhost"))
    assert on.webhook_delays_seconds == [10, 20, 40, 80, 160, 320, 640]
    assert sum(on.webhook_delays_seconds) // 60 == 21


def test_the_clinic_is_open_every_day_by_default() -> None:
    catalogue, pool = bookings().catalogue.default, calendar_pool()
    assert opening_hours() == {day: ["08:00-20:00"] for day in range(7)}
    assert (calendar_site().zone, calendar_site().closures) == (ZoneInfo("UTC"), ())
    assert (slot(), catalogue.horizon) == (timedelta(minutes=30), timedelta(days=365))
    assert (pool.capacity, pool.grid_minutes) == (1, 30)


def test_the_check_takes_2_to_5_seconds_and_never_fails_by_default() -> None:
    check = bookings().check
    assert (check.shortest, check.longest, check.failure_rate) == (2, 5, 0)


def test_mail_goes_to_the_log_by_default() -> None:
    assert isinstance(mail().channel, LogChannel)
    assert mail().zone == ZoneInfo("UTC")


def test_emails_have_no_link_and_remind_a_day_before_by_default() -> None:
    assert (mail().public_url, mail().link_secrets) == ("", ())
    assert mail().remind_before == timedelta(days=1)
    assert mail().sender == "citas@clinica.example"


def test_the_list_is_open_and_workers_are_many_by_default() -> None:
    assert loaded()["STAFF_API_KEY"] == ""
    assert loaded()["max_workers"] == 200


def test_the_gateway_limits_each_client_and_believes_no_proxy_by_default() -> None:
    assert web() == GatewaySettings(
        frozenset(),
        rate_limit="60/minute",
        failed_attempts_limit="10/minute",
        trusted_proxies=0,
        catalogue=bookings().catalogue,
    )


def test_nobody_is_monitored_by_default_and_only_from_this_machine() -> None:
    assert loaded()["MONITOR"] == {"host": "127.0.0.1", "port": 0}


def test_logs_are_lines_for_people_by_default() -> None:
    assert log_format() == "line"


def test_parts_that_are_left_out_have_defaults_too() -> None:
    minimal = {"AMQP_URI": "amqp://host/", "MONGODB_CONNECTION_URL": "mongodb://host/clinic"}
    assert settings(minimal).booking_retry == RetryPolicy(3, 10)


# --- variables

HONOURED: dict[str, tuple[str, Any, Any]] = {
    "AMQP_URI": ("amqp://u:p@broker:5673/v", lambda: settings(loaded()).amqp_uri, None),
    "MONGODB_URI": ("mongodb://db:27018/other", lambda: settings(loaded()).mongodb_uri, None),
    "OUTBOX_REPUBLISH_SECONDS": ("60", lambda: settings(loaded()).outbox.republish_seconds, 60),
    "AVAILABILITY_DELAY_SECONDS": (
        "0.5-1.5",
        lambda: (bookings().check.shortest, bookings().check.longest),
        (0.5, 1.5),
    ),
    "AVAILABILITY_FAILURE_RATE": ("0.25", lambda: bookings().check.failure_rate, 0.25),
    "CLINIC_TIMEZONE": ("Europe/Madrid", lambda: calendar_site().zone.key, None),
    "CLINIC_SLOT_MINUTES": ("20", slot, timedelta(minutes=20)),
    "CLINIC_SEATS_PER_SLOT": ("4", lambda: calendar_pool().capacity, 4),
    "CLINIC_HOLIDAYS": ("ES-MD", lambda: calendar_site().holidays, "ES-MD"),
    "CATALOGUE_REFRESH_SECONDS": ("60", lambda: bookings().catalogue.refresh_seconds, 60),
    "CLINIC_HORIZON_DAYS": ("90", lambda: bookings().catalogue.default.horizon, timedelta(days=90)),
    "BOOKING_MAX_ATTEMPTS": ("5", lambda: settings(loaded()).booking_retry.max_attempts, 5),
    "BOOKING_RETRY_TTL_SECONDS": ("1", lambda: settings(loaded()).booking_retry.ttl_seconds, 1),
    "EMAIL_MAX_ATTEMPTS": ("4", lambda: settings(loaded()).email_retry.max_attempts, 4),
    "EMAIL_RETRY_TTL_SECONDS": ("2", lambda: settings(loaded()).email_retry.ttl_seconds, 2),
    "WEBHOOK_MAX_ATTEMPTS": ("4", lambda: settings(loaded()).webhook_retry.max_attempts, 4),
    "WEBHOOK_RETRY_TTL_SECONDS": ("2", lambda: settings(loaded()).webhook_retry.ttl_seconds, 2),
    "WEBHOOK_URL": (RECEIVER, lambda: settings(loaded()).has_webhook, True),
    "WEBHOOK_SECRET": (
        f"{SECRET}, {OTHER_SECRET},",
        lambda: hook(RECEIVER).secrets,
        (SECRET, OTHER_SECRET),
    ),
    "DECLARED_QUEUES": (
        "booking_requests",
        lambda: settings(loaded()).declared_queues,
        {"booking_requests"},
    ),
    "OUTBOX_HEARTBEAT_TIMEOUT_SECONDS": (
        "1.5",
        lambda: settings(loaded()).outbox.heartbeat_timeout_seconds,
        1.5,
    ),
    "OUTBOX_MAX_PENDING": ("7", lambda: settings(loaded()).outbox.max_pending, 7),
    "MAX_EMAILS_PER_ADDRESS": ("3", lambda: mail().max_emails_per_address, 3),
    "MAX_OPEN_BOOKINGS": ("3", lambda: settings(loaded()).max_open_bookings, 3),
    "OUTBOX_RECOVERY_INTERVAL_SECONDS": (
        "0.2",
        lambda: settings(loaded()).outbox.recovery_interval_seconds,
        0.2,
    ),
    "STAFF_API_KEY": (
        f"{SECRET}, {OTHER_SECRET},",
        lambda: web().staff_api_keys,
        frozenset({SECRET, OTHER_SECRET}),
    ),
    "GENERATED_STAFF_KEY": (
        "a key of this machine",
        lambda: web().generated_staff_keys,
        frozenset({"a key of this machine"}),
    ),
    "BOOKING_MAX_WORKERS": ("20", lambda: loaded()["max_workers"], 20),
    "MONITOR_HOST": ("0.0.0.0", lambda: loaded()["MONITOR"]["host"], None),
    "MONITOR_PORT": ("9100", lambda: loaded()["MONITOR"]["port"], 9100),
    "FAILED_ATTEMPTS_LIMIT": ("5/hour", lambda: web().failed_attempts_limit, None),
    "RATE_LIMIT": ("20/minute", lambda: web().rate_limit, None),
    "TRUSTED_PROXIES": ("2", lambda: web().trusted_proxies, 2),
    "LOG_FORMAT": ("json", log_format, None),
    "PUBLIC_URL": ("https://citas.clinica.example", lambda: mail().public_url, None),
    "LINK_SECRET": (
        f"{SECRET}, {OTHER_SECRET},",
        lambda: (mail().link_secrets, web().link_secrets),
        ((SECRET, OTHER_SECRET),) * 2,
    ),
    "REMINDER_HOURS": ("48", lambda: mail().remind_before, timedelta(hours=48)),
}
SMTP_HONOURED: dict[str, tuple[str, str, Any]] = {
    "SMTP_HOST": ("mail.example", "host", "mail.example"),
    "SMTP_PORT": ("587", "port", 587),
    "SMTP_USERNAME": ("clinic", "username", "clinic"),
    "SMTP_PASSWORD": ("0123", "password", "0123"),
    "SMTP_STARTTLS": ("true", "tls", Tls.STARTTLS),
    "SMTP_TLS": ("implicit", "tls", Tls.IMPLICIT),
    "SMTP_SENDER": ("hello@example.com", "sender", "hello@example.com"),
    "SMTP_SENDER_NAME": ("Clínica Sol", "sender_name", "Clínica Sol"),
}


def test_every_variable_of_the_file_is_tried_here() -> None:
    files = [name for name in VARIABLES if name.endswith("_FILE")]  # see test_secret_files
    assert sorted([*HONOURED, *SMTP_HONOURED, *files]) == VARIABLES


@pytest.mark.parametrize("name", HONOURED)
def test_a_variable_takes_the_place_of_the_default(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, look, expected = HONOURED[name]
    before = look()
    monkeypatch.setenv(name, text)
    assert look() == (text if expected is None else expected)
    assert look() != before


@pytest.mark.parametrize("name", SMTP_HONOURED)
def test_a_variable_reaches_the_mail_channel(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, attribute, expected = SMTP_HONOURED[name]
    monkeypatch.setenv("SMTP_HOST", "localhost")
    monkeypatch.setenv(name, text)
    channel = mail().channel
    assert isinstance(channel, SmtpChannel)
    assert getattr(channel, attribute) == expected


def test_one_slot_length_serves_calendar_and_invitations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_SLOT_MINUTES", "20")
    assert slot() == mail().slot == timedelta(minutes=20)


def test_the_sender_is_known_without_a_mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_SENDER", "hello@example.com")
    assert mail().sender == "hello@example.com"


def test_a_public_url_ends_without_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://clinica.example:8443/")
    assert mail().public_url == "https://clinica.example:8443"


def test_reminders_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMINDER_HOURS", "0")
    assert mail().remind_before == timedelta(0)


def test_secrets_are_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINK_SECRET", "a secret of the clinic")
    assert "a secret of" not in repr(mail()) + repr(web())


def test_one_zone_serves_calendar_and_emails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_TIMEZONE", "America/New_York")
    assert calendar_site().zone == mail().zone == ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    "value", ["0123", "0x10", "1e3", "true", "null", "~", "yes", "12:30", "p: #x", "[a]", "'", "!x"]
)
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("SMTP_PASSWORD", ("SMTP", "password")),
        ("STAFF_API_KEY", ("STAFF_API_KEY",)),
        ("GENERATED_STAFF_KEY", ("GENERATED_STAFF_KEY",)),
        ("WEBHOOK_SECRET", ("WEBHOOK", "secret")),
        ("WEBHOOK_URL", ("WEBHOOK", "url")),
        ("LINK_SECRET", ("LINK_SECRET",)),
    ],
)
def test_a_secret_stays_the_text_it_is(
    name: str, path: tuple[str, ...], value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    found: Any = loaded()
    for key in path:
        found = found[key]
    assert found == value


@pytest.mark.parametrize(
    "uri",
    [
        "amqp://clinic:0123@host:5672/",
        "amqp://clinic:p%40ss:%20%23x@host:5672/",
        "amqp://clinic:p$ss{y}@host/%2f?heartbeat=5",
        "amqp://cl%C3%ADnica:contraseñ4@one/;amqps://clinic:contrase%C3%B14@two:5671/v",
        "mongodb://u:p%3A%2F@one:1,two:2/clinic?replicaSet=rs0&w=1",
        "mongodb://clínica:contraseñ4@one/clinic",
    ],
)
def test_an_address_survives_with_whatever_its_password_holds(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "AMQP_URI" if uri.startswith("amqp") else "MONGODB_URI"
    monkeypatch.setenv(name, uri)
    read = settings(loaded())
    assert (read.amqp_uri if name == "AMQP_URI" else read.mongodb_uri) == uri


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_is_set_but_empty_means_the_default(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_HOST", "localhost")
    before = settings(loaded()), bookings(), mail(), web()
    monkeypatch.setenv(name, "")
    if name == "SMTP_HOST":
        assert isinstance(mail().channel, LogChannel)
    else:
        assert (settings(loaded()), bookings(), mail(), web()) == before


# --- faults


@pytest.mark.parametrize("key", ["AMQP_URI", "MONGODB_CONNECTION_URL"])
@pytest.mark.parametrize("value", [7, [], {}], ids=repr)
def test_an_address_must_be_a_text(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=key):
        settings(changed(key, to=value))


@pytest.mark.parametrize("part", ["BOOKING_RETRY", "EMAIL_RETRY", "WEBHOOK_RETRY"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_attempts", 0),
        ("max_attempts", -1),
        ("max_attempts", 11),
        ("max_attempts", 2.5),
        ("max_attempts", "many"),
        ("max_attempts", True),
        ("ttl_seconds", 0),
        ("ttl_seconds", 3601),
        ("ttl_seconds", 0.5),
        ("ttl_seconds", "10s"),
    ],
)
def test_a_wrong_retry_is_reported_with_its_key(part: str, key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{part}.*{key}"):
        settings(changed(part, key, to=value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("OUTBOX_HEARTBEAT_TIMEOUT_SECONDS", -1),
        ("OUTBOX_HEARTBEAT_TIMEOUT_SECONDS", "soon"),
        ("OUTBOX_HEARTBEAT_TIMEOUT_SECONDS", float("nan")),
        ("OUTBOX_RECOVERY_INTERVAL_SECONDS", 0),
        ("OUTBOX_RECOVERY_INTERVAL_SECONDS", []),
        ("BOOKING_RETRY", 3),
        ("EMAIL_RETRY", ["x"]),
        ("WEBHOOK_RETRY", "x"),
        ("WEBHOOK", "x"),
    ],
)
def test_a_wrong_shared_setting_is_reported_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=key):
        settings(changed(key, to=value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timezone", "Europe"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../../etc/passwd"),
        ("timezone", "x" * 300),
        ("timezone", 1),
        ("timezone", ["UTC"]),
        ("opening_hours", []),
        ("opening_hours", {"lunes": ["08:00-20:00"]}),
        ("opening_hours", {"monday": "08:00-20:00"}),
        ("opening_hours", {"monday": ["20:00-08:00"]}),
        ("opening_hours", {"monday": ["08:00-08:00"]}),
        ("opening_hours", {"monday": ["always"]}),
        ("opening_hours", {"monday": ["08:00-20:00Z"]}),
        ("opening_hours", {"monday": ["08:00-20:00-21:00"]}),
        ("opening_hours", {"monday": ["08:00+01:00-20:00+01:00"]}),
        ("opening_hours", {"monday": [8]}),
        ("opening_hours", {"monday": ["08:00-14:00", "13:00-20:00"]}),
        ("opening_hours", {"monday": ["15:00-20:00", "08:00-13:00"]}),
        ("opening_hours", {"monday": ["08:00-24:00", "09:00-10:00"]}),
        ("opening_hours", None),
        ("slot_minutes", 0),
        ("slot_minutes", -30),
        ("slot_minutes", 1441),
        ("slot_minutes", 7.5),
        ("slot_minutes", 12),
        ("opening_hours", {"monday": ["08:02-20:00"]}),
        ("opening_hours", {"monday": ["08:00-20:00:30"]}),
        ("holidays", "ES-XX"),
        ("holidays", "Spain"),
        ("slot_minutes", "half an hour"),
        ("seats_per_slot", 0),
        ("seats_per_slot", 1.5),
        ("closed_days", ["25 December"]),
        ("closed_days", "2026-12-25"),
        ("closed_days", ["2026-02-30"]),
        ("horizon_days", 0),
        ("horizon_days", 3651),
    ],
)
def test_a_wrong_calendar_is_reported_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"CALENDAR.*{key}"):
        bookings(changed("CALENDAR", key, to=value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("delay_seconds", "5-2"),
        ("delay_seconds", "-1"),
        ("delay_seconds", "soon"),
        ("delay_seconds", "1-2-3"),
        ("delay_seconds", "2-"),
        ("delay_seconds", "nan"),
        ("delay_seconds", "inf"),
        ("delay_seconds", "0-3600"),
        ("delay_seconds", [2, 5]),
        ("failure_rate", 2),
        ("failure_rate", -0.1),
        ("failure_rate", "often"),
        ("failure_rate", float("nan")),
    ],
)
def test_a_wrong_check_is_reported_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"AVAILABILITY.*{key}"):
        bookings(changed("AVAILABILITY", key, to=value))


@pytest.mark.parametrize(
    ("key", "value"), [("port", 0), ("port", 70_000), ("sender", "nobody"), ("starttls", "perhaps")]
)
def test_a_wrong_mail_setting_is_reported_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"SMTP.*{key}"):
        mail(changed("SMTP", key, to=value))


@pytest.mark.parametrize(
    "url",
    [
        "example.org/hook",
        "ftp://example.org/",
        "https://",
        "https:/hook",
        "https://example.org:99999/",
        "https://exa mple.org/",
        "https://user:password@example.org/",
        "https://example.org/hook#part",
        "http://example.org/hook",
        '"https://example.org/hook"',
        "https://example.org/hook\r",
        7,
        ["https://example.org/"],
    ],
)
def test_a_wrong_url_of_a_webhook_is_reported_and_not_quoted(url: Any) -> None:
    config = changed("WEBHOOK", "url", to=url)
    config["WEBHOOK"]["secret"] = SECRET
    with pytest.raises(ConfigError, match=r"WEBHOOK.*url") as raised:
        mail(config)
    assert "example" not in str(raised.value).replace("https://example.org/path", "")


@pytest.mark.parametrize("secret", ["", " ", ",", None, "too short", f"{SECRET},short"])
def test_a_webhook_without_a_secret_is_reported(secret: Any) -> None:
    config = changed("WEBHOOK", "url", to=RECEIVER)
    config["WEBHOOK"]["secret"] = secret
    with pytest.raises(ConfigError, match=r"WEBHOOK.*secret"):
        mail(config)


def test_a_webhook_does_not_show_its_secrets_nor_its_url() -> None:
    shown = repr(hook(RECEIVER, SECRET))
    assert SECRET not in shown
    assert "example.org" not in shown


def test_a_secret_alone_turns_no_webhook_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    assert mail().webhook is None
    assert not settings(loaded()).has_webhook


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("STAFF_API_KEY", "clave-ñ"),
        ("RATE_LIMIT", "many"),
        ("TRUSTED_PROXIES", "one"),
        ("TRUSTED_PROXIES", -1),
    ],
)
def test_a_wrong_gateway_setting_is_reported_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=key):
        web(changed(key, to=value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PUBLIC_URL", "clinica.example"),
        ("PUBLIC_URL", "ftp://clinica.example"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://clinica.example/?a=1"),
        ("PUBLIC_URL", "https://clinica.example/#a"),
        ("PUBLIC_URL", "https://user:password@clinica.example"),
        ("PUBLIC_URL", "https://clinica.example:port"),
        ("PUBLIC_URL", "https://clinica.example/ citas"),
        ("PUBLIC_URL", "https://clinica.example/citas"),
        ("PUBLIC_URL", "https://clinica.example/citas/"),
        ("PUBLIC_URL", "https://clinica.example?"),
        ("PUBLIC_URL", "https://clínica.example"),
        ("PUBLIC_URL", "https://clinica.example:0"),
        ("PUBLIC_URL", "https://clinica.example\\@evil.example"),
        ("PUBLIC_URL", '"https://clinica.example"'),
        ("PUBLIC_URL", "https://clinica.example\r"),
        ("PUBLIC_URL", 7),
        ("LINK_SECRET", "too short"),
        ("LINK_SECRET", "a secret of the clinic,short"),
        ("REMINDER_HOURS", -1),
        ("REMINDER_HOURS", 1),
        ("REMINDER_HOURS", 337),
        ("REMINDER_HOURS", float("nan")),
        ("REMINDER_HOURS", "a day"),
    ],
)
def test_a_wrong_setting_of_emails_is_reported_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=key) as caught:
        mail(changed(key, to=value))
    assert "short" not in str(caught.value)


def test_the_gateway_wants_long_secrets_too() -> None:
    with pytest.raises(ConfigError, match="LINK_SECRET"):
        web(changed("LINK_SECRET", to="too short"))


@pytest.mark.parametrize("part", ["CALENDAR", "AVAILABILITY"])
@pytest.mark.parametrize("value", [None, [], 7, "text"], ids=repr)
def test_a_part_of_another_kind_is_reported_with_its_key(part: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=part):
        bookings(changed(part, to=value))


@pytest.mark.parametrize("config", [None, [], "text"], ids=repr)
def test_a_file_without_keys_is_a_fault_of_the_configuration(config: Any) -> None:
    with pytest.raises(ConfigError):
        settings(config)


def test_all_errors_are_reported_at_once() -> None:
    config = changed("CALENDAR", "slot_minutes", to=0)
    config["AVAILABILITY"]["failure_rate"] = 2
    with pytest.raises(ConfigError, match=r"slot_minutes.*failure_rate"):
        bookings(config)


def test_a_missing_file_is_reported() -> None:
    with pytest.raises(ConfigError, match="no-such-file"):
        load("no-such-file.yaml")


# --- what a clinic may write


@pytest.mark.parametrize("day", ["2026-12-25", date(2026, 12, 25)], ids=["text", "YAML date"])
def test_closed_days_may_be_quoted_or_not(day: Any) -> None:
    site = calendar_site(changed("CALENDAR", "closed_days", to=[day]))
    assert site.closures == (Closure(date(2026, 12, 25), date(2026, 12, 25)),)


def test_a_day_may_have_several_spans_and_a_week_fewer_days() -> None:
    hours = {"tuesday": ["08:00-13:00", "13:00-14:00", "15:00-24:00"]}
    assert opening_hours(changed("CALENDAR", "opening_hours", to=hours)) == {1: hours["tuesday"]}


@pytest.mark.parametrize(
    ("delay", "expected"), [("0", (0, 0)), ("3", (3, 3)), (0, (0, 0)), ("0.1-0.1", (0.1, 0.1))]
)
def test_a_delay_is_one_number_or_a_range(delay: Any, expected: tuple[float, float]) -> None:
    check = bookings(changed("AVAILABILITY", "delay_seconds", to=delay)).check
    assert (check.shortest, check.longest) == expected
