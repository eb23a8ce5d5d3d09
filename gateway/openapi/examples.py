"""Example requests and bookings of the document."""

from __future__ import annotations

from clinic.contracts.booking_json import PERSONAL_FIELDS
from gateway.openapi.components import EXAMPLE_ID

REQUEST = {
    "patientName": "Juan Pérez",
    "patientEmail": "juan@example.com",
    "date": "2026-12-01T10:00:00+01:00",
}
PENDING = {
    "id": EXAMPLE_ID,
    "status": "pending",
    "reason": None,
    "reasonText": None,
    "patientName": "Juan Pérez",
    "patientEmail": "juan@example.com",
    "date": "2026-12-01T09:00:00Z",
    "language": "en",
    "version": 1,
    "createdAt": "2026-11-24T04:53:41.016Z",
    "updatedAt": "2026-11-24T04:53:41.016Z",
    "attention": None,
}
PUBLIC = {name: value for name, value in PENDING.items() if name not in PERSONAL_FIELDS}
REJECTED = PENDING | {
    "status": "rejected",
    "reason": "slot_full",
    "reasonText": "There are no places left at that time.",
    "version": 2,
    "updatedAt": "2026-11-24T04:53:43.928Z",
}
CANCELLED = PENDING | {
    "status": "cancelled",
    "reason": "cancelled_by_patient",
    "reasonText": "The appointment was cancelled by the patient.",
    "version": 3,
    "updatedAt": "2026-11-25T08:12:00.301Z",
}
RESCHEDULED = PENDING | {
    "status": "confirmed",
    "date": "2026-12-02T15:30:00Z",
    "version": 3,
    "updatedAt": "2026-11-25T08:12:00.301Z",
}
