"""Maps bookings to MongoDB documents: camelCase names, times as BSON dates."""

from __future__ import annotations

from clinic.domain.booking import NO_CHOICE, Attention, Booking, Choice, HistoryEntry, Status
from clinic.domain.manage_token import BookingCredentials
from clinic.mongo.client import Document


def booking_to_document(booking: Booking, access: BookingCredentials) -> Document:
    document: Document = {
        "_id": booking.id,
        "clinic": booking.clinic,
        "patientName": booking.patient_name,
        "patientEmail": booking.patient_email,
        "language": booking.language,
        "date": booking.date,
        "status": booking.status.value,
        "reason": booking.reason,
        "version": booking.version,
        "createdAt": booking.created_at,
        "updatedAt": booking.updated_at,
        "history": [history_entry_to_document(change) for change in booking.history],
        "access": _credentials_to_document(access),
    }
    if booking.patient_phone is not None:
        document["patientPhone"] = booking.patient_phone
    if booking.end is not None:
        document["end"] = booking.end
    return document | choice_to_document(booking.choice)


def choice_to_document(choice: Choice) -> Document:
    """Return the fields of a choice; none without a catalogue."""
    if choice == NO_CHOICE:
        return {}
    return {
        "service": choice.service,
        "practitioner": choice.practitioner,
        "site": choice.site,
    }


def choice_from_document(document: Document) -> Choice:
    return Choice(document.get("service"), document.get("practitioner"), document.get("site"))


def _credentials_to_document(access: BookingCredentials) -> Document:
    secrets: Document = {"salt": access.salt, "tokenFingerprint": access.token_fingerprint}
    if access.key_fingerprint is not None:  # omitted otherwise, so that the sparse index skips it
        secrets["keyFingerprint"] = access.key_fingerprint
        secrets["requestFingerprint"] = access.request_fingerprint
    return secrets


def credentials_from_document(document: Document) -> BookingCredentials:
    return BookingCredentials(
        salt=document["salt"],
        token_fingerprint=document["tokenFingerprint"],
        key_fingerprint=document.get("keyFingerprint"),
        request_fingerprint=document.get("requestFingerprint"),
    )


def booking_from_document(document: Document) -> Booking:
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
        history=tuple(history_entry_from_document(row) for row in document["history"]),
        attention=Attention(**attention) if attention else None,
        clinic=document["clinic"],
        choice=choice_from_document(document),
        end=document.get("end"),
        patient_phone=document.get("patientPhone"),
    )


def history_entry_to_document(change: HistoryEntry) -> Document:
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
    if change.choice is not None:
        row |= {"end": change.end, "assigned": choice_to_document(change.choice)}
    return row


def history_entry_from_document(row: Document) -> HistoryEntry:
    previous = Status(row["from"]) if row["from"] else None
    return HistoryEntry(
        at=row["at"],
        previous=previous,
        status=Status(row["to"]),
        reason=row["reason"],
        by=row["by"],
        date=row.get("date"),
        previous_date=row.get("previousDate"),
        key_id=row.get("keyId"),
        choice=choice_from_document(row["assigned"]) if "assigned" in row else None,
        end=row.get("end"),
    )
