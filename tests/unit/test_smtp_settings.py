"""How e-mails are encrypted: what is set, and what follows from port and host."""

from __future__ import annotations

from typing import Any

import pytest

from clinic.errors import ConfigError
from notification_service.channels.email_channel import SmtpChannel
from notification_service.channels.smtp_connection import Tls
from notification_service.settings import notification_settings

LOOPBACK = ["localhost", "127.0.0.1", "127.1.2.3", "::1", "LOCALHOST", "localhost."]
ELSEWHERE = ["mail.example", "mailpit", "10.0.0.1", "localhost.example", "192.168.0.1", "fe80::1"]


def channel(**smtp: Any) -> SmtpChannel:
    config = {"SMTP": {"host": "mail.example"} | smtp, "CALENDAR": {"opening_hours": {}}}
    read = notification_settings(config).channel
    assert isinstance(read, SmtpChannel)
    return read


@pytest.mark.parametrize("host", LOOPBACK)
def test_on_this_machine_nothing_is_encrypted_by_default(host: str) -> None:
    assert channel(host=host).tls is Tls.NONE


@pytest.mark.parametrize("host", ELSEWHERE)
def test_elsewhere_starttls_is_the_default(host: str) -> None:
    assert channel(host=host).tls is Tls.STARTTLS


@pytest.mark.parametrize("host", [*LOOPBACK, *ELSEWHERE])
@pytest.mark.parametrize("starttls", ["true", "false", ""])
def test_port_465_is_encrypted_from_the_first_byte(host: str, starttls: str) -> None:
    assert channel(host=host, port="465", starttls=starttls).tls is Tls.IMPLICIT


@pytest.mark.parametrize(
    ("smtp", "tls"),
    [
        ({"starttls": "false"}, Tls.NONE),
        ({"starttls": "true", "host": "localhost"}, Tls.STARTTLS),
        ({"tls": "implicit", "port": "4650"}, Tls.IMPLICIT),
        ({"tls": "none"}, Tls.NONE),
        ({"tls": "starttls", "port": "465"}, Tls.STARTTLS),
        ({"tls": "starttls", "starttls": "false"}, Tls.STARTTLS),
        ({"tls": "none", "starttls": "true"}, Tls.NONE),
        ({"tls": "implicit", "starttls": "false"}, Tls.IMPLICIT),
    ],
)
def test_what_is_set_counts(smtp: dict[str, str], tls: Tls) -> None:
    assert channel(**smtp).tls is tls


@pytest.mark.parametrize(
    ("smtp", "variable"),
    [
        ({"tls": "ssl"}, "SMTP_TLS"),
        ({"tls": "Implicit "}, "SMTP_TLS"),
        ({"tls": True}, "SMTP_TLS"),
        ({"starttls": "perhaps"}, "SMTP_STARTTLS"),
    ],
)
def test_what_cannot_be_is_refused(smtp: dict[str, Any], variable: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{variable} "):
        channel(**smtp)


@pytest.mark.parametrize("host", ELSEWHERE)
@pytest.mark.parametrize("smtp", [{"tls": "none"}, {"starttls": "false"}])
def test_a_password_never_leaves_this_machine_unencrypted(host: str, smtp: dict[str, str]) -> None:
    given = smtp | {"host": host, "username": "clinic", "password": "geheim"}
    with pytest.raises(ConfigError, match=r"^SMTP_TLS .*unencrypted") as fault:
        channel(**given)
    assert "geheim" not in str(fault.value)


def test_on_this_machine_a_password_may_be_used_without_encryption() -> None:
    assert channel(host="localhost", username="clinic", password="contraseñ4").tls is Tls.NONE
