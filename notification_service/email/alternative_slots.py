"""Free slots near the one that a patient could not have, as the booking service knows them."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from clinic.domain.clock import to_wire

logger = logging.getLogger(__name__)

#: How many slots an e-mail names.
COUNT = 3
#: How long the booking service is waited for.
TIMEOUT_SECONDS = 1.5
#: An e-mail is not read at once.
NOTICE_MINUTES = 60


class Rpc(Protocol):
    def call(self, method: str, *, until: float, **arguments: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class AlternativeSlots:
    """Asks the booking service over RPC."""

    rpc: Rpc

    def near(self, date: datetime) -> list[datetime]:
        """Return the nearest free slots in order of time, or none if they are not known in time: an
        e-mail without them is better than no e-mail."""
        try:
            found = self.rpc.call(
                "list_nearest_slots",
                until=time.monotonic() + TIMEOUT_SECONDS,
                date=to_wire(date),
                count=COUNT,
                notice_minutes=NOTICE_MINUTES,
            )
            return [datetime.fromisoformat(slot).astimezone(UTC) for slot in found]
        except Exception as error:  # whatever is wrong there, the e-mail is sent
            logger.warning("free slots are not known", extra={"code": type(error).__name__})
            return []
