"""Whom e-mails come from: what `SMTP_SENDER` and `SMTP_SENDER_NAME` may hold."""

from __future__ import annotations

from typing import Any

import pytest

from clinic.errors import ConfigError
from gateway.settings import gateway_settings
from notification_service.channels.email_channel import SmtpChannel
from notification_service.settings import notification_settings

HOURS = {"opening_hours": {}}


def channel(**smtp: Any) -> SmtpChannel:
    read = notification_settings({"SMTP": {"host": "localhost"} | smtp, "CALENDAR": HOURS})
    assert isinstance(read.channel, SmtpChannel)
    assert read.sender == read.channel.sender
    return read.channel


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("citas@clinica.example", "", "citas@clinica.example"),
        ("<citas@clinica.example>", "", "citas@clinica.example"),
        ("Clínica Sol <citas@clinica.example>", "Clínica Sol", "citas@clinica.example"),
        ("Clínica Sol<citas@clinica.example>", "Clínica Sol", "citas@clinica.example"),
        ('"Sol, S.L." <citas@clinica.example>', "Sol, S.L.", "citas@clinica.example"),
        ("Sol, S.L. <citas@clinica.example>", "Sol, S.L.", "citas@clinica.example"),
        (r'"La \"Sol\"" <citas@clinica.example>', 'La "Sol"', "citas@clinica.example"),
        ("診療所 <citas@clinica.example>", "診療所", "citas@clinica.example"),
        ("citas@clínica.example", "", "citas@xn--clnica-4va.example"),
        ("Sol <citas@CLINICA.example>", "Sol", "citas@clinica.example"),
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(text: str, name: str, address: str) -> None:
    found = channel(sender=text)
    assert (found.sender_name, found.sender) == (name, address)
    domain = gateway_settings({"SMTP": {"sender": text}}).domain
    assert domain == address.partition("@")[2]


@pytest.mark.parametrize(
    "text",
    [
        *("recepción@clinica.example", "Clínica <recepción@clinica.example>", "clinica.example"),
        *("@clinica.example", "citas@", "a@clinica.example, b@clinica.example", "citas@clinica"),
        *("<a@clinica.example> <b@clinica.example>", "Clínica <>", "citas @clinica.example"),
        *("a@clinica.example b", "Sol\nBcc: x@y.example <a@clinica.example>", "mailto:a@b.example"),
        *(f"{'n' * 101} <a@clinica.example>", f"{'l' * 65}@clinica.example", '"a@b.example"'),
        *("a@b@clinica.example", "a@[127.0.0.1]", "a@clinica..example", "a\u200b@clinica.example"),
    ],
)
def test_a_sender_that_no_mail_server_takes_is_refused(text: str) -> None:
    for read in (
        lambda: channel(sender=text),
        lambda: gateway_settings({"SMTP": {"sender": text}}),
    ):
        with pytest.raises(ConfigError, match=r"^SMTP_SENDER \(SMTP\.sender\): "):
            read()


def test_the_name_may_stand_in_a_variable_of_its_own() -> None:
    found = channel(sender="citas@clinica.example", sender_name="Clínica Sol, S.L.")
    assert (found.sender_name, found.sender) == ("Clínica Sol, S.L.", "citas@clinica.example")


def test_two_names_are_one_too_many() -> None:
    with pytest.raises(ConfigError, match=r"^SMTP_SENDER_NAME .*already in SMTP_SENDER"):
        channel(sender="Sol <citas@clinica.example>", sender_name="Luna")
