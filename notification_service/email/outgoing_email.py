"""An e-mail that is ready to send."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from clinic.configuration.sender import NO_SENDER, Sender
from notification_service.email.content import EmailContent
from notification_service.email.invitation import Invitation


@dataclass(frozen=True, slots=True)
class OutgoingEmail:
    """An e-mail with its recipient. `message_key` is the same for all copies and determines the
    Message-ID. `sender` and its name are those of the clinic's profile; "" means those of the
    configuration."""

    recipient: str
    message_key: str
    language: str
    content: EmailContent
    invitation: Invitation | None = None
    sender: Sender = NO_SENDER

    def for_resend(self, resends: int) -> Self:
        """Return a copy for a manual resend: mail programs show a Message-ID only once."""
        return replace(self, message_key=f"{self.message_key}.resend{resends}")
