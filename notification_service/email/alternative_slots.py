"""Free slots near a rejected one, from the booking service."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from clinic.contracts.messages import choice_ids
from clinic.domain.booking import Choice
from clinic.domain.clock import to_wire

logger = logging.getLogger(__name__)

#: Number of slots in an e-mail.
COUNT = 3
#: Timeout of the call to the booking service.
TIMEOUT_SECONDS = 1.5
#: Patients don't read an e-mail at once.
NOTICE_MINUTES = 60


class Rpc(Protocol):
    def call(self, method: str, *, until: float, **arguments: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class AlternativeSlots:
    """Calls the booking service over RPC."""

    rpc: Rpc

    def near(self, date: datetime, choice: Choice) -> list[datetime]:
        """Return the nearest free slots of a choice in chronological order. Return none after an
        error or the timeout: an e-mail without them is better than no e-mail."""
        try:
            found = self.rpc.call(
                "list_nearest_slots",
                until=time.monotonic() + TIMEOUT_SECONDS,
                date=to_wire(date),
                count=COUNT,
                notice_minutes=NOTICE_MINUTES,
                **choice_ids(choice),
            )
            return [datetime.fromisoformat(slot).astimezone(UTC) for slot in found]
        except Exception as error:  # the e-mail is sent in any case
            logger.warning("free slots are not known", extra={"code": type(error).__name__})
            return []
