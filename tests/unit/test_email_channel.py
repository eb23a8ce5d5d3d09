from __future__ import annotations

import logging
import smtplib
from dataclasses import replace
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from clinic.configuration.sender import Sender
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.clock import now
from clinic.errors import ChannelUnavailable, RecipientRejected
from notification_service.channels import smtp_connection
from notification_service.channels.email_channel import LogChannel, SmtpChannel
from notification_service.channels.smtp_connection import Tls
from notification_service.email.address import mask
from notification_service.email.content import EmailContent
from notification_service.email.invitation import Invitation
from notification_service.email.outgoing_email import OutgoingEmail
from tests.bookings import requested
from tests.clinics import confirm_seat

CONTENT = EmailContent(
    "Su cita está confirmada", "Hola, Juan Pérez:\n\nConfirmada.\n", "<p>Hola</p>"
)
CONFIRMED = BookingStateChanged.of(confirm_seat(requested(), at=now(), by="worker"))
INVITATION = Invitation(
    "REQUEST",
    CONFIRMED,
    CONFIRMED.date + timedelta(minutes=30),
    "Reunión",
    "citas@clinica.example",
    "a@example.com",
    domain="clinica.example",
)
CHANNEL = SmtpChannel("mail.example", 25, "citas@clinica.example")


class MailServer:
    """Stands in for `smtplib.SMTP`: keeps what it is given, or fails as it is told."""

    sent: list[EmailMessage]
    calls: list[Any]
    fault: Exception | None
    farewell: Exception | None = None

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.calls.append(("connect", host, port, timeout))
        self._fail_with(OSError)

    def starttls(self, *, context: Any) -> None:
        self.calls.append(("starttls", context.check_hostname))

    def login(self, username: str, password: str) -> None:
        self.calls.append(("login", username, password))

    def send_message(self, message: EmailMessage) -> None:
        self._fail_with(smtplib.SMTPException)
        self.sent.append(message)

    def quit(self) -> None:
        self.calls.append("quit")
        if self.farewell:
            raise self.farewell

    def close(self) -> None:
        self.calls.append("close")

    def _fail_with(self, kind: type[Exception]) -> None:
        fault = type(self).fault
        connecting = not isinstance(fault, smtplib.SMTPException)
        if isinstance(fault, kind) and connecting is (kind is OSError):
            raise fault


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> type[MailServer]:
    class Server(MailServer):
        sent = []
        calls = []
        fault = None

    monkeypatch.setattr(smtp_connection, "MailServer", Server)
    return Server


def envelope(**fields: Any) -> OutgoingEmail:
    given: dict[str, Any] = {
        "recipient": "juan@example.com",
        "message_key": "6f1c1f0e.2",
        "language": "es",
        "content": CONTENT,
    }
    return OutgoingEmail(**(given | fields))


def sent(server: type[MailServer], **fields: Any) -> EmailMessage:
    CHANNEL.send(envelope(**fields))
    return server.sent[-1]


def test_a_mail_has_sender_recipient_and_subject(server: type[MailServer]) -> None:
    message = sent(server)
    assert message["From"] == "citas@clinica.example"
    assert message["To"] == "juan@example.com"
    assert message["Subject"] == "Su cita está confirmada"


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        (Sender("hola@sol.example", "Sol"), "Sol <hola@sol.example>"),
        (Sender("hola@sol.example"), "Clínica <hola@sol.example>"),
        (Sender("", "Sol"), "Sol <citas@clinica.example>"),
        (Sender(""), "Clínica <citas@clinica.example>"),
    ],
)
def test_the_sender_of_an_email_replaces_that_of_the_channel(
    server: type[MailServer], sender: Sender, shown: str
) -> None:
    replace(CHANNEL, sender_name="Clínica").send(envelope(sender=sender))
    (message,) = server.sent
    assert message["From"] == shown
    assert message["Message-ID"].endswith("@clinica.example>")


def test_a_mail_tells_its_language(server: type[MailServer]) -> None:
    assert sent(server)["Content-Language"] == "es"


@pytest.mark.parametrize(
    "farewell",
    [smtplib.SMTPResponseException(421, b"bye"), smtplib.SMTPServerDisconnected("gone")],
)
def test_an_email_that_was_taken_is_sent_however_the_farewell_goes(
    server: type[MailServer], farewell: Exception
) -> None:
    server.farewell = farewell
    CHANNEL.send(envelope())
    assert len(server.sent) == 1
    assert server.calls[-1] == "close"


def test_a_mail_is_marked_as_automatic(server: type[MailServer]) -> None:
    assert sent(server)["Auto-Submitted"] == "auto-generated"


def test_a_mail_has_plain_text_first_and_html_second(server: type[MailServer]) -> None:
    message = sent(server)
    assert message.get_content_type() == "multipart/alternative"
    plain, rich = message.iter_parts()
    assert (plain.get_content_type(), plain.get_content()) == ("text/plain", CONTENT.text)
    assert (rich.get_content_type(), rich.get_content().strip()) == ("text/html", CONTENT.html)


def parts(message: EmailMessage) -> list[str]:
    return [part.get_content_type() for part in message.walk()]


def test_an_invitation_is_the_last_alternative_and_an_attachment(server: type[MailServer]) -> None:
    message = sent(server, invitation=INVITATION)
    assert parts(message) == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
    *_, calendar, attachment = message.walk()
    assert calendar.get_param("method") == "REQUEST"
    assert calendar.get_content().encode() == INVITATION.file().replace(b"\r\n", b"\n")
    assert attachment.get_filename() == "invite.ics"
    assert attachment.get_content() == INVITATION.file()


def test_an_invitation_travels_in_seven_bits_and_with_its_own_line_ends(
    server: type[MailServer],
) -> None:
    message = sent(server, invitation=INVITATION)
    wire = message.as_bytes(policy=policy.SMTP)
    assert wire.isascii()
    assert b"\r\nSUMMARY:Reuni=C3=B3n\r\n" in wire
    assert max(map(len, wire.split(b"\r\n"))) <= 78


def test_a_fault_in_the_file_costs_no_email(
    server: type[MailServer], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Invitation, "file", lambda _self: 1 / 0)
    assert parts(sent(server, invitation=INVITATION)) == parts(sent(server))
    assert "e-mail without its calendar file" in caplog.text


def test_a_simulated_mail_writes_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Invitation, "file", lambda _self: pytest.fail("written"))
    LogChannel().send(OutgoingEmail("ana@example.com", "id.2", "es", CONTENT, INVITATION))


def test_a_mail_with_an_invitation_tells_its_language_for_all_of_it(
    server: type[MailServer],
) -> None:
    message = sent(server, invitation=INVITATION)
    assert message["Content-Language"] == "es"
    assert message["Message-ID"] == "<6f1c1f0e.2@clinica.example>"


@pytest.mark.parametrize("invitation", [None, INVITATION], ids=["plain", "file"])
def test_copies_are_the_same_but_for_their_date(
    server: type[MailServer], invitation: Invitation | None
) -> None:
    one, other = sent(server, invitation=invitation), sent(server, invitation=invitation)
    for message in (one, other):
        del message["Date"]
    assert one.as_bytes() == other.as_bytes()


def test_emails_of_two_steps_share_no_boundary(server: type[MailServer]) -> None:
    boundaries = [sent(server, message_key=each).get_boundary() for each in ("id.2", "id.3")]
    assert len(set(boundaries)) == 2
    assert None not in boundaries


def test_a_mail_has_the_date_of_its_sending(server: type[MailServer]) -> None:
    written = parsedate_to_datetime(sent(server)["Date"])
    assert abs((written - now()).total_seconds()) < 5


def test_every_copy_has_the_same_message_id(server: type[MailServer]) -> None:
    one, other = sent(server), sent(server, content=EmailContent("Other", "text", "<p>"))
    assert one["Message-ID"] == other["Message-ID"] == "<6f1c1f0e.2@clinica.example>"


def test_another_event_has_another_message_id(server: type[MailServer]) -> None:
    assert sent(server)["Message-ID"] != sent(server, message_key="6f1c1f0e.3")["Message-ID"]


def test_an_international_domain_is_written_as_mail_servers_know_it(
    server: type[MailServer],
) -> None:
    assert sent(server, recipient="ana@münchen.de")["To"] == "ana@xn--mnchen-3ya.de"


def test_the_headers_of_a_mail_are_plain_ascii(server: type[MailServer]) -> None:
    message = sent(
        server, recipient="ana@clínica.es", content=EmailContent("Está", "ñ 😀", "<p>ñ</p>")
    )
    headers, _, _ = message.as_bytes().partition(b"\n\n")
    assert headers.isascii()
    assert message["Subject"] == "Está"


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"], ids=ascii)
@pytest.mark.parametrize("field", ["recipient", "message_key", "subject"])
def test_no_header_can_be_smuggled_in(server: type[MailServer], field: str, line_end: str) -> None:
    attack = f"juan@example.com{line_end}Bcc: all@example.com"
    fields = (
        {"content": EmailContent(attack, "text", "<p>")} if field == "subject" else {field: attack}
    )
    with pytest.raises(Exception, match=r".*"):
        CHANNEL.send(envelope(**fields))
    assert server.sent == []


def test_a_mail_never_has_a_second_recipient(server: type[MailServer]) -> None:
    with pytest.raises(ValueError, match=r".*"):
        CHANNEL.send(envelope(recipient="juan@example.com, all@example.com"))
    assert server.sent == []


def test_connecting_is_bounded_in_time(server: type[MailServer]) -> None:
    sent(server)
    name, host, port, timeout = server.calls[0]
    assert (name, host, port) == ("connect", "mail.example", 25)
    assert 0 < timeout < 60


def test_without_credentials_nobody_logs_in(server: type[MailServer]) -> None:
    sent(server)
    assert server.calls[1:] == ["quit", "close"]


def test_the_password_travels_under_tls_that_checks_the_host(server: type[MailServer]) -> None:
    channel = SmtpChannel("mail.example", 587, "a@b.example", "clinic", "0123", Tls.STARTTLS)
    channel.send(envelope())
    assert server.calls[1:3] == [("starttls", True), ("login", "clinic", "0123")]


@pytest.mark.parametrize(
    "fault",
    [
        OSError("refused"),
        TimeoutError("late"),
        smtplib.SMTPServerDisconnected("gone"),
        smtplib.SMTPAuthenticationError(535, b"no"),
        smtplib.SMTPDataError(451, b"later"),
        smtplib.SMTPSenderRefused(421, b"closing", "citas@clinica.example"),
        smtplib.SMTPRecipientsRefused({"juan@example.com": (450, b"busy")}),
        smtplib.SMTPSenderRefused(553, b"no", "citas@clinica.example"),
        smtplib.SMTPNotSupportedError("no"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_server_that_is_away_or_busy_is_tried_later(
    server: type[MailServer], fault: Exception
) -> None:
    server.fault = fault
    with pytest.raises(ChannelUnavailable):
        CHANNEL.send(envelope())


@pytest.mark.parametrize(
    "fault",
    [
        smtplib.SMTPRecipientsRefused({"juan@example.com": (550, b"no juan@example.com here")}),
        smtplib.SMTPDataError(554, b"spam from juan@example.com"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_server_that_says_never_is_believed(server: type[MailServer], fault: Exception) -> None:
    server.fault = fault
    with pytest.raises(RecipientRejected) as caught:
        CHANNEL.send(envelope())
    assert "juan" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("juan@example.com", "j***@e***.com"),
        ("j@x.es", "j***@x***.es"),
        ("juan@mail.example.com", "j***@m***.com"),
        ("ana@münchen.de", "a***@m***.de"),
    ],
)
def test_a_masked_address_tells_nobodys_name(address: str, masked: str) -> None:
    assert mask(address) == masked


def test_the_log_channel_hides_the_patient(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        LogChannel().send(envelope())
    assert "j***@e***.com" in caplog.text
    assert "6f1c1f0e.2" in caplog.text
    for secret in ("juan@", "example.com", "Juan", "confirmada", "Hola"):
        assert secret not in caplog.text
