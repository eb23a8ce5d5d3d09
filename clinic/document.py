"""How a booking is laid out in MongoDB: camelCase names, and times as BSON dates."""

from __future__ import annotations

from typing import Any

from clinic.booking import Attention, Booking, Change, Status
from clinic.manage_token import Access

Document = dict[str, Any]


def of_booking(booking: Booking, access: Access) -> Document:
    return {
        "_id": booking.id,
        "patientName": booking.patient_name,
        "patientEmail": booking.patient_email,
        "language": booking.language,
        "date": booking.date,
        "status": booking.status.value,
        "reason": booking.reason,
        "version": booking.version,
        "createdAt": booking.created_at,
        "updatedAt": booking.updated_at,
        "history": [of_change(change) for change in booking.history],
        "access": _of_access(access),
    }


def _of_access(access: Access) -> Document:
    secrets: Document = {"salt": access.salt, "tokenFingerprint": access.token_fingerprint}
    if access.key_fingerprint is not None:  # absent, so that a sparse index leaves it out
        secrets["keyFingerprint"] = access.key_fingerprint
        secrets["requestFingerprint"] = access.request_fingerprint
    return secrets


def to_access(document: Document) -> Access:
    return Access(
        salt=document["salt"],
        token_fingerprint=document["tokenFingerprint"],
        key_fingerprint=document.get("keyFingerprint"),
        request_fingerprint=document.get("requestFingerprint"),
    )


def to_booking(document: Document) -> Booking:
    attention = document.get("attention")
    return Booking(
        id=document["_id"],
        patient_name=document["patientName"],
        patient_email=document["patientEmail"],
        language=document["language"],
        date=document["date"],
        status=Status(document["status"]),
        reason=document["reason"],
        version=document["version"],
        created_at=document["createdAt"],
        updated_at=document["updatedAt"],
        history=tuple(to_change(row) for row in document["history"]),
        seat=document.get("seat"),
        attention=Attention(**attention) if attention else None,
    )


def of_change(change: Change) -> Document:
    previous = change.previous.value if change.previous else None
    row: Document = {
        "at": change.at,
        "from": previous,
        "to": change.status.value,
        "reason": change.reason,
        "by": change.by,
    }
    if change.key_id is not None:
        row["keyId"] = change.key_id
    if change.date is not None:
        row |= {"date": change.date, "previousDate": change.previous_date}
    return row


def to_change(row: Document) -> Change:
    previous = Status(row["from"]) if row["from"] else None
    return Change(
        at=row["at"],
        previous=previous,
        status=Status(row["to"]),
        reason=row["reason"],
        by=row["by"],
        date=row.get("date"),
        previous_date=row.get("previousDate"),
        key_id=row.get("keyId"),
    )
