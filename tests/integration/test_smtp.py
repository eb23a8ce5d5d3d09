"""Sending e-mails to real mail servers: encryption, certificates and credentials."""

from __future__ import annotations

import email
import hashlib
import hmac
import socket
import sys
from collections.abc import Callable, Iterator
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from clinic.errors import ChannelUnavailable
from notification_service.channels.email_channel import SmtpChannel
from notification_service.channels.smtp_connection import Tls
from notification_service.email.content import EmailContent
from notification_service.email.outgoing_email import OutgoingEmail
from runner.backends.ports import free_port
from runner.processes.managed_process import ManagedProcess, start
from runner.processes.server import Server
from tests.conftest import eventually
from tests.tls import Certificates, certificates

ROOT = Path(__file__).parents[2]
MESSAGE = OutgoingEmail(
    "ana@example.com",
    "6f1c1f0e.2",
    "es",
    EmailContent("Su cita", "Hola, Ana.\n", "<p>Hola, Ana.</p>"),
)
USERNAME, PASSWORD = "recepción", "contraseñ4"

Serve = Callable[..., int]

# eventlet leaves sockets of failed handshakes to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    made = certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.trusted))
    return made


@pytest.fixture
def serve(tmp_path: Path, trusted: Certificates) -> Iterator[Serve]:
    """Starts a mail server and returns its port."""
    processes: list[ManagedProcess] = []

    def start_server(mode: str, *offers: str, name: str = "localhost") -> int:
        port = free_port()
        certificate = str(trusted.server(name))
        arguments = [str(port), str(tmp_path), certificate, mode, *offers]
        command = [sys.executable, "-m", "tests.tls_smtp_sink", *arguments]
        processes.append(start(Server("smtp", command, {}, ROOT), tmp_path / "smtp.log"))
        eventually(lambda: is_open(port))
        return port

    yield start_server
    for process in processes:
        process.kill()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def channel(port: int, tls: Tls, **fields: Any) -> SmtpChannel:
    return SmtpChannel("localhost", port, "citas@clinica.example", tls=tls, **fields)


def received(directory: Path) -> list[EmailMessage]:
    files = sorted(directory.glob("*.eml"))
    return [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


def credentials(directory: Path) -> list[str]:
    return (directory / "credentials").read_text("utf-8").splitlines()


@pytest.mark.parametrize("mode", Tls)
def test_a_message_arrives_with_every_encryption_mode(
    mode: Tls, serve: Serve, tmp_path: Path
) -> None:
    channel(serve(mode.value), mode).send(MESSAGE)
    (message,) = received(tmp_path)
    assert message["To"] == "ana@example.com"


def test_the_sender_has_a_display_name(serve: Serve, tmp_path: Path) -> None:
    channel(serve("none"), Tls.NONE, sender_name="Clínica Sol, S.L.").send(MESSAGE)
    (message,) = received(tmp_path)
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Clínica Sol, S.L.", "citas@clinica.example")
    (raw,) = tmp_path.glob("*.eml")
    assert raw.read_bytes().isascii()  # RFC 2047: no relaying server needs SMTPUTF8


def test_messages_suppress_automatic_replies(serve: Serve, tmp_path: Path) -> None:
    channel(serve("none"), Tls.NONE).send(MESSAGE)
    (message,) = received(tmp_path)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"


@pytest.mark.parametrize("mode", [Tls.IMPLICIT, Tls.STARTTLS])
@pytest.mark.parametrize("name", ["wrong.example", "127.0.0.1"])
def test_a_server_with_a_certificate_for_another_name_gets_no_message(
    mode: Tls, name: str, serve: Serve, tmp_path: Path
) -> None:
    port = serve(mode.value, "PLAIN", name=name)
    with pytest.raises(ChannelUnavailable, match="SSLCertVerificationError"):
        channel(port, mode, username=USERNAME, password=PASSWORD).send(MESSAGE)
    assert received(tmp_path) == []
    assert not (tmp_path / "credentials").exists()


@pytest.mark.parametrize("mode", [Tls.IMPLICIT, Tls.STARTTLS])
def test_a_server_with_an_untrusted_certificate_gets_no_message(
    mode: Tls, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = serve(mode.value)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ChannelUnavailable, match="SSLCertVerificationError"):
        channel(port, mode).send(MESSAGE)
    assert received(tmp_path) == []


def test_a_server_without_starttls_gets_nothing_in_plain_text(serve: Serve, tmp_path: Path) -> None:
    port = serve("none", "PLAIN")
    with pytest.raises(ChannelUnavailable, match="SMTPNotSupportedError"):
        channel(port, Tls.STARTTLS, username=USERNAME, password=PASSWORD).send(MESSAGE)
    assert received(tmp_path) == []
    assert not (tmp_path / "credentials").exists()


@pytest.mark.parametrize(
    ("mode", "server"), [(Tls.NONE, "implicit"), (Tls.STARTTLS, "implicit"), (Tls.IMPLICIT, "none")]
)
def test_a_mismatched_encryption_mode_is_retried_later(
    mode: Tls, server: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notification_service.channels.smtp_connection.REPLY_SECONDS", 1)
    with pytest.raises(ChannelUnavailable):
        channel(serve(server), mode).send(MESSAGE)


@pytest.mark.parametrize("mode", [Tls.IMPLICIT, Tls.STARTTLS])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_credentials_are_sent_as_utf_8(
    mode: Tls, mechanism: str, serve: Serve, tmp_path: Path
) -> None:
    port = serve(mode.value, mechanism)
    channel(port, mode, username=USERNAME, password=PASSWORD).send(MESSAGE)
    assert credentials(tmp_path) == [f"{mechanism} {USERNAME} {PASSWORD}"]
    assert len(received(tmp_path)) == 1


def test_a_cram_md5_challenge_is_answered_as_utf_8(serve: Serve, tmp_path: Path) -> None:
    port = serve("starttls", "CRAM-MD5")
    channel(port, Tls.STARTTLS, username=USERNAME, password=PASSWORD).send(MESSAGE)
    digest = hmac.new(PASSWORD.encode(), b"<1@mail.example>", hashlib.md5).hexdigest()
    assert credentials(tmp_path) == [f"CRAM-MD5 {USERNAME} {digest}"]
