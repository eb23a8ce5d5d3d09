"""Invariants of e-mails, reminders, webhooks and the delivery log."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from clinic.domain.booking import Status
from notification_service.channels.webhook_signature import sign
from tests.faults.allowed import Allowed, Found
from tests.faults.history import History
from tests.faults.patients import REFUSED
from tests.faults.state import State
from tests.faults.system import WEBHOOK_SECRET
from tests.receiver import Call as WebhookCall

_MOVED, _REMINDER = "moved", "reminder"
_SUBJECTS = {
    "confirmed": "Su cita está confirmada",
    "rejected": "No hemos podido",
    "cancelled": "Su cita está anulada",
    _MOVED: "Su cita ha cambiado de fecha",
    _REMINDER: "Recordatorio de su cita",
}
_SENT, _FAILED, _SUPERSEDED, _NO_ADDRESS = "sent", "failed", "superseded", "no_address"


def of_notifications(state: State, history: History, allowed: Allowed) -> Found:
    for rule in (_delivery_log_complete, _reminded, _webhooks_true, _emails_true):
        yield from rule(state)
    yield from _emails_once(state, allowed)
    yield from _no_late_reminder(state, history, allowed)


def _delivery_log_complete(state: State) -> Found:
    channels = ["email"] if state.webhooks is None else ["email", "webhook"]
    steps = {f"{key}:{channel}" for key in _steps(state) for channel in channels}
    latest, unusual = _latest_emails(state), _unusual_outcomes(state)
    for key in steps:
        booking_id, version, channel = key.split(":")
        outcome = state.delivery_log.get(key, {}).get("state", "missing")
        expected = {unusual.get(booking_id, _SENT) if channel == "email" else _SENT}
        # An e-mail that a later one has overtaken is left out; a webhook never is.
        if channel == "email" and latest.get(booking_id, 0) > int(version):
            expected |= {_SUPERSEDED}
        if outcome not in expected:
            yield "I6", f"the notification {key} is {outcome}"
    for key in state.delivery_log.keys() - steps:
        if not key.endswith(f":{_REMINDER}"):
            yield "I6", f"the notification {key} is about no transition"


def _latest_emails(state: State) -> dict[str, int]:
    """The latest version of each booking that its patient has been written about."""
    latest: dict[str, int] = {}
    for key, row in state.delivery_log.items():
        booking_id, version, channel = key.split(":")
        if channel == "email" and row["state"] == _SENT:
            latest[booking_id] = max(latest.get(booking_id, 0), int(version))
    return latest


def _reminded(state: State) -> Found:
    """Who is confirmed and whose appointment is near has been reminded of it, as it is now."""
    confirmed = {
        f"{each['_id']}:{version}:{_REMINDER}"
        for each in state.bookings
        for version, step in enumerate(each["history"], 1)
        if step["to"] == Status.CONFIRMED
    }
    for key in state.delivery_log.keys() - confirmed:
        if key.endswith(f":{_REMINDER}"):
            yield "I18", f"{key} is about no appointment"
    unusual = _unusual_outcomes(state)
    for each in state.bookings:
        key = f"{each['_id']}:{each['version']}:{_REMINDER}"
        outcome = state.delivery_log.get(key, {}).get("state", "missing")
        if _is_near(state, each) and outcome != unusual.get(each["_id"], _SENT):
            yield "I18", f"{key}: {outcome}"


def _is_near(state: State, booking: Mapping[str, Any]) -> bool:
    until = state.reminded_until
    is_confirmed = booking["status"] == Status.CONFIRMED
    return until is not None and is_confirmed and bool(booking["date"] <= until)


def _webhooks_true(state: State) -> Found:
    """The endpoint has accepted every transition, and received nothing forged or untrue."""
    steps = _steps(state)
    sent = Counter(call.headers["X-Clinic-Event-Id"] for call in state.webhooks or ())
    taken = {c.headers["X-Clinic-Event-Id"] for c in state.webhooks or () if c.status == 200}
    for call in state.webhooks or ():
        key = call.headers["X-Clinic-Event-Id"]
        if not _is_signed(call):
            yield "I19", f"the receiver can't verify what it was sent of {key}"
        if key not in steps or call.event["status"] != steps[key]["to"]:
            yield "I19", f"the receiver was sent {key}, which is not true"
    for key in steps.keys() if state.webhooks is not None else ():
        if key not in taken:
            yield "I19", f"the receiver has not taken {key}"
        elif sent[key] > (tries := state.delivery_log.get(f"{key}:webhook", {}).get("tries", 0)):
            yield "I19", f"the receiver was sent {key} {sent[key]} times, in {tries} tries"


def _is_signed(call: WebhookCall) -> bool:
    timestamp = int(call.headers["X-Clinic-Timestamp"])
    return call.headers["X-Clinic-Signature"] == sign(call.raw, timestamp, [WEBHOOK_SECRET])


def _emails_once(state: State, allowed: Allowed) -> Found:
    copies = Counter(_key(email) for email in state.emails)
    for key, row in state.delivery_log.items():
        count = 0 if key.endswith(":webhook") else copies.pop(key, 0)
        if row["state"] == _SENT and count == 0 and not key.endswith(":webhook"):
            yield "I7", f"{key} is recorded as sent and no e-mail came"
        # Even then only as often as nobody could say whether it had gone out.
        if count > 1 + (row.get("ambiguous", 0) if allowed.second_copies else 0):
            yield "I7", f"{count} e-mails for {key}"
    for key in copies:
        yield "I7", f"an e-mail without a record, {key}"


def _emails_true(state: State) -> Found:
    bookings = {each["_id"]: each for each in state.bookings}
    for email in state.emails:
        booking_id, version, channel = _key(email).split(":")
        booking = bookings.get(booking_id)
        if booking is None or int(version) > booking["version"]:
            yield "I8", f"an e-mail about nothing, {booking_id}:{version}"
            continue
        step = booking["history"][int(version) - 1]
        kind = _REMINDER if channel == _REMINDER else _MOVED if "date" in step else step["to"]
        if not str(email["Subject"]).startswith(_SUBJECTS[kind]):
            yield "I8", f"{booking_id} is {kind} and the e-mail says otherwise"
        if email["X-Recipient"] != booking["patientEmail"]:
            yield "I8", f"the e-mail about {booking_id} went to somebody else"


def _no_late_reminder(state: State, history: History, allowed: Allowed) -> Found:
    """No reminder of an old date follows the notification of a change, but for one in flight:
    a reminder is sent right after its booking was read."""
    changed = history.changed_at()
    for email in filter(is_reminder, state.emails):
        booking_id, version, _ = _key(email).split(":")
        notified = [at for later, at in changed.get(booking_id, ()) if later > int(version)]
        late_seconds = float(email["X-Taken-At"]) - min(notified, default=math.inf)
        if late_seconds > allowed.late_seconds:
            yield "I18", f"a reminder of {booking_id}:{version} came {late_seconds:.0f} s too late"


def _steps(state: State) -> dict[str, dict[str, Any]]:
    """The transitions that have to be notified, by event id."""
    return {
        f"{each['_id']}:{version}": step
        for each in state.bookings
        for version, step in enumerate(each["history"], 1)
        if version > 1
    }


def _unusual_outcomes(state: State) -> dict[str, str]:
    """The outcomes of e-mails to patients without an address, or whose mail server says no for
    good, by booking."""
    addresses = {each["_id"]: each["patientEmail"] for each in state.bookings}
    return {
        booking_id: _FAILED if address else _NO_ADDRESS
        for booking_id, address in addresses.items()
        if not address or address.startswith(REFUSED)
    }


def repeated_emails(state: State) -> int:
    """Count the e-mails that somebody got more than once."""
    copies = Counter(_key(email) for email in state.emails)
    return sum(count - 1 for count in copies.values())


def is_reminder(email: Any) -> bool:
    return _key(email).endswith(f":{_REMINDER}")


def _key(email: Any) -> str:
    """Return the key of the delivery log's row that an e-mail belongs to."""
    reference = str(email["Message-ID"]).strip("<>").partition("@")[0]
    parts = reference.split(".")
    return ":".join(parts if len(parts) > 2 else [*parts, "email"])
