"""Dead letters, published as the services publish them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from clinic.contracts import strict_json
from clinic.domain.clock import to_wire
from clinic.domain.retry_policy import ATTEMPT_HEADER
from clinic.messaging.topology import BOOKING_REQUESTS, WorkQueue
from tests.amqp import put

DEAD_LETTERED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

_dead_lettered = itertools.count()


def park(
    amqp_uri: str,
    body: bytes | None = None,
    work: WorkQueue = BOOKING_REQUESTS,
    headers: Mapping[str, Any] | None = None,
) -> str:
    """Leave a letter as a service parks it; return its id."""
    id_ = uuid.uuid4().hex[:12]
    given: dict[str, Any] = {
        "x-error-code": "check_unavailable",
        "x-error-message": "the availability check gave no answer",
        "x-original-queue": work.name,
        "x-dead-lettered-at": to_wire(DEAD_LETTERED_AT + timedelta(seconds=next(_dead_lettered))),
        "x-dead-letter-id": id_,
        ATTEMPT_HEADER: 3,
    }
    data = strict_json.dumps(request()) if body is None else body
    properties = {"content_type": "application/json", "headers": given | dict(headers or {})}
    put(amqp_uri, work.dead_letter, data, **properties)
    return id_


def request() -> dict[str, Any]:
    return {"bookingId": str(uuid.uuid4()), "date": "2026-12-01T10:00:00Z", "version": 1}
