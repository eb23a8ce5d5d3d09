"""Connections to a mail server: their encryption, and credentials in any script."""

from __future__ import annotations

import base64
import hmac
import smtplib
import ssl
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from clinic.errors import DeliveryOutcomeUnknown

#: How long one reply of a mail server may take, and its verdict on a whole message (RFC 5321,
#: section 4.5.3.2.6, would grant it ten minutes).
REPLY_SECONDS = 20
VERDICT_SECONDS = 120
#: PLAIN has one response and LOGIN two; who asks for more is broken.
_MAX_CHALLENGES = 3


class Tls(StrEnum):
    """How a connection is encrypted: from its first byte, on the server's offer, or not at all."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    NONE = "none"


class MailServer(smtplib.SMTP):
    """A connection that tells "not sent" from "perhaps sent"."""

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Raises: DeliveryOutcomeUnknown when the verdict on the message is lost or late."""
        if self.sock:
            self.sock.settimeout(VERDICT_SECONDS)
        try:
            return super().data(msg)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            if isinstance(error, smtplib.SMTPResponseException):
                raise  # an answer is an answer
            raise DeliveryOutcomeUnknown("the mail server gave no verdict on the e-mail") from None

    def auth(
        self,
        mechanism: str,
        authobject: Callable[..., str | None],
        *,
        initial_response_ok: bool = True,
    ) -> tuple[int, bytes]:
        """Send credentials in UTF-8, as RFC 4616 has it; smtplib encodes them in ASCII only."""
        first = authobject() if initial_response_ok else None
        command = mechanism if first is None else f"{mechanism} {_base64(first)}"
        code, reply = self.docmd("AUTH", command)
        for count in range(_MAX_CHALLENGES):
            if code != 334:
                break
            # smtplib's LOGIN sends first the user and then the password by it.
            self._auth_challenge_count = count + 1 + (first is not None)
            response = authobject(base64.b64decode(reply)) or ""
            code, reply = self.docmd(_base64(response))
        if code not in (235, 503):  # 503: it knows us already
            raise smtplib.SMTPAuthenticationError(code, reply)
        return code, reply

    def auth_cram_md5(self, challenge: Any = None) -> Any:
        """RFC 2195, which says nothing of other scripts: UTF-8, as for the others."""
        if challenge is None:
            return None
        digest = hmac.new(self.password.encode(), challenge, "md5").hexdigest()
        return f"{self.user} {digest}"


class TlsMailServer(MailServer, smtplib.SMTP_SSL):
    """A connection that is encrypted from its first byte (RFC 8314)."""


def connect(host: str, port: int, tls: Tls) -> MailServer:
    """Connect; nothing that follows is in the clear unless that was asked for.

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
