"""Concurrent changes of one booking."""

from __future__ import annotations

import eventlet

from tests.faults.campaign import Campaign
from tests.faults.state import wait_for_quiet

BOOKINGS = 10
#: Where the slots are of which nobody else of the short selection wants one.
_FIRST = 3000


def changed_at_once(campaign: Campaign) -> list[str]:
    """Each is wanted at two other dates at once, and some are called off as well."""
    patients = campaign.patients
    booked = patients.race([patients.slot(_FIRST + number) for number in range(BOOKINGS)])
    wait_for_quiet(campaign.system, campaign.settle_seconds)
    changes = []
    for number, booking in enumerate(booked):
        for date in (_FIRST + 2 * BOOKINGS + number, _FIRST + 4 * BOOKINGS + number):
            changes.append(eventlet.spawn(patients.reschedule, booking, patients.slot(date)))
        if number % 3 == 0:
            changes.append(eventlet.spawn(patients.cancel, booking))
    for change in changes:
        change.wait()
    return []
