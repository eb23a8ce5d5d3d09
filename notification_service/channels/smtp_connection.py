"""Connections to a mail server, with encryption and non-ASCII credentials."""

from __future__ import annotations

import base64
import hmac
import smtplib
import ssl
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from clinic.errors import DeliveryOutcomeUnknown

#: The timeouts for a reply, and for the final reply to a message (RFC 5321, section 4.5.3.2.6,
#: recommends ten minutes).
REPLY_SECONDS = 20
VERDICT_SECONDS = 120
#: PLAIN needs one response and LOGIN two; a server that asks for more is broken.
_MAX_CHALLENGES = 3


class Tls(StrEnum):
    """Encryption of a connection: from the first byte, after STARTTLS, or none."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    NONE = "none"


class MailServer(smtplib.SMTP):
    """A connection that distinguishes "not sent" from "possibly sent"."""

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Raises: DeliveryOutcomeUnknown if the final reply is lost or late."""
        if self.sock:
            self.sock.settimeout(VERDICT_SECONDS)
        try:
            return super().data(msg)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            if isinstance(error, smtplib.SMTPResponseException):
                raise  # the server has replied
            raise DeliveryOutcomeUnknown("the mail server gave no verdict on the e-mail") from None

    def auth(
        self,
        mechanism: str,
        authobject: Callable[..., str | None],
        *,
        initial_response_ok: bool = True,
    ) -> tuple[int, bytes]:
        """Send credentials in UTF-8 (RFC 4616); smtplib supports only ASCII."""
        first = authobject() if initial_response_ok else None
        command = mechanism if first is None else f"{mechanism} {_base64(first)}"
        code, reply = self.docmd("AUTH", command)
        for count in range(_MAX_CHALLENGES):
            if code != 334:
                break
            # smtplib's LOGIN uses it to send first the user, then the password.
            self._auth_challenge_count = count + 1 + (first is not None)
            response = authobject(base64.b64decode(reply)) or ""
            code, reply = self.docmd(_base64(response))
        if code not in (235, 503):  # 503: already authenticated
            raise smtplib.SMTPAuthenticationError(code, reply)
        return code, reply

    def auth_cram_md5(self, challenge: Any = None) -> Any:
        """RFC 2195 defines no encoding: use UTF-8, like the other mechanisms."""
        if challenge is None:
            return None
        digest = hmac.new(self.password.encode(), challenge, "md5").hexdigest()
        return f"{self.user} {digest}"


class TlsMailServer(MailServer, smtplib.SMTP_SSL):
    """A connection encrypted from its first byte (RFC 8314)."""


def connect(host: str, port: int, tls: Tls) -> MailServer:
    """Connect, with the required encryption established on return.

    Certificates and host names are verified. Raises: SMTPException, OSError.
    """
    if tls is Tls.IMPLICIT:
        return TlsMailServer(
            host, port, timeout=REPLY_SECONDS, context=ssl.create_default_context()
        )
    server = MailServer(host, port, timeout=REPLY_SECONDS)
    try:
        if tls is Tls.STARTTLS:
            server.starttls(context=ssl.create_default_context())
    except BaseException:
        server.close()
        raise
    return server


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
