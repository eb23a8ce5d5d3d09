"""The channel protocol and the e-mail channels: a mail server, or the log if none is set."""

from __future__ import annotations

import hashlib
import logging
import smtplib
from contextlib import suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import ClassVar, Protocol, TypeVar

from eventlet import Timeout

from clinic.domain.clock import now
from clinic.errors import ChannelUnavailable
from notification_service.channels.smtp_connection import Tls, connect
from notification_service.channels.smtp_replies import data_refusal, rcpt_refusal
from notification_service.email.address import mask, to_ascii
from notification_service.email.invitation import Invitation
from notification_service.email.outgoing_email import OutgoingEmail

logger = logging.getLogger(__name__)

#: The timeout for sending one e-mail, from connect to close.
SEND_SECONDS = 180

Content = TypeVar("Content", contravariant=True)


class Channel(Protocol[Content]):
    """Sends to an `audience`. `longest_send_seconds` bounds `send`: later, its process is presumed
    dead."""

    @property
    def longest_send_seconds(self) -> float: ...

    @property
    def audience(self) -> str: ...

    def send(self, content: Content, /) -> None:
        """Raises: ChannelUnavailable (retry later), PoisonMessage (never retry),
        DeliveryOutcomeUnknown (may have been sent), or another error that counts as an attempt."""


class LogChannel:
    """Simulates a mail server: logs that an e-mail was sent, without its text."""

    longest_send_seconds = 10.0
    audience = "patient"

    def send(self, email: OutgoingEmail) -> None:
        logger.info(
            "e-mail to %s (simulated), message key %s", mask(email.recipient), email.message_key
        )


@dataclass(frozen=True, slots=True)
class SmtpChannel:
    longest_send_seconds: ClassVar[float] = SEND_SECONDS
    audience: ClassVar[str] = "patient"

    host: str
    port: int
    sender: str
    username: str | None = None
    password: str | None = None
    tls: Tls = Tls.NONE
    sender_name: str = ""

    def send(self, email: OutgoingEmail) -> None:
        """Send an e-mail. Returns only if the mail server has accepted it."""
        message = self._message(email)
        try:
            with Timeout(SEND_SECONDS, TimeoutError("the mail server is too slow")):
                self._transmit(message)
        except smtplib.SMTPRecipientsRefused as error:
            (reply,) = error.recipients.values()  # there is one recipient
            raise rcpt_refusal(*reply) from None
        except smtplib.SMTPDataError as error:
            raise data_refusal(error.smtp_code, error.smtp_error) from None
        except (smtplib.SMTPException, OSError) as error:
            # A failed login too: the configuration is wrong, not the e-mail.
            raise ChannelUnavailable(f"{type(error).__name__} from the mail server") from None

    def _transmit(self, message: EmailMessage) -> None:
        server = connect(self.host, self.port, self.tls)
        try:
            if self.username:
                server.login(self.username, self.password or "")
            server.send_message(message)
        finally:
            # The e-mail is accepted, whatever happens to QUIT.
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
            server.close()

    def _message(self, email: OutgoingEmail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._from(email)
        message["To"] = Address(addr_spec=to_ascii(email.recipient))
        message["Date"] = format_datetime(now())
        message["Subject"] = email.content.subject
        message["Message-ID"] = f"<{email.message_key}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"  # for Exchange, which ignores the standard one
        # Not every mail server accepts 8-bit bodies.
        message.set_content(email.content.text, cte="quoted-printable")
        message.add_alternative(email.content.html, subtype="html", cte="quoted-printable")
        if email.invitation:
            _add_invitation(message, email.invitation)
        _set_boundaries(message, email.message_key)
        # Set last: earlier content headers would move into the first part.
        message["Content-Language"] = email.language
        return message

    def _from(self, email: OutgoingEmail) -> Address:
        own = email.sender
        return Address(own.name or self.sender_name, addr_spec=own.address or self.sender)


def _add_invitation(message: EmailMessage, invitation: Invitation) -> None:
    """Add the file twice, like Google: Gmail, Outlook and Apple Mail treat the last alternative as
    an invitation; other programs show the attachment. The attachment is not text/calendar, because
    Outlook would show it as a second invitation."""
    try:
        file = invitation.file()
    except Exception:  # the text contains everything important
        event_id = invitation.event.event_id
        logger.exception("e-mail without its calendar file", extra={"event_id": event_id})
        return
    message.add_alternative(
        file.decode(),
        subtype="calendar",
        params={"method": invitation.method},
        cte="quoted-printable",
    )
    message.add_attachment(file, maintype="application", subtype="ics", filename="invite.ics")


def _set_boundaries(message: EmailMessage, message_key: str) -> None:
    """Derive the boundaries from the message key, so that all copies of an e-mail are identical."""
    digest = hashlib.sha256(message_key.encode()).hexdigest()
    for number, part in enumerate(message.walk()):
        if part.is_multipart():
            part.set_boundary(f"={number}_{digest[:32]}=")
