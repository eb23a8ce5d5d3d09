"""An e-mail that is ready to send."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from notification_service.email.content import EmailContent
from notification_service.email.invitation import Invitation


@dataclass(frozen=True, slots=True)
class OutgoingEmail:
    """An e-mail with its recipient. `reference` is the same for every copy and becomes the
    Message-ID."""

    recipient: str
    reference: str
    language: str
    letter: EmailContent
    invitation: Invitation | None = None

    def again(self, times: int) -> Self:
        """Return a copy for a manual resend: mail programs show a Message-ID only once."""
        return replace(self, reference=f"{self.reference}.again{times}")
