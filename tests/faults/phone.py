"""Staff who book for patients on the phone, and change these bookings, through the booking service.

Without a definite response they repeat: a booking with the same idempotency key.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from typing import Any

import eventlet

from clinic.errors import BookingNotFound, ClinicError, InvalidBooking, ServiceUnavailable
from clinic.rpc.rpc_client import RpcPool, deadline
from tests.faults.history import CANCEL, FAILED, OK, PHONE, RESCHEDULE, UNKNOWN, Call, History
from tests.faults.patients import CANARY, INSIST_SECONDS, pauses_seconds
from tests.faults.wishes import Slots, Wish, Wishes

#: How every phone number begins; it must never be seen in a log or in a queue.
CANARY_NUMBER = "+34777"


class PhoneDesk:
    """Every third patient has no e-mail address."""

    def __init__(
        self, amqp_uri: str, history: History, seed: int, wishes: Wishes | None = None
    ) -> None:
        self._rpc = RpcPool(amqp_uri)
        self._history = history
        self._seed = seed
        self._wishes = wishes or Slots()
        self._numbers = itertools.count(1)

    def book(self, date: str | None = None, *, overbook: bool = False) -> Call:
        """Book until there is an answer; returns the call that got it."""
        number = next(self._numbers)
        rng = random.Random(f"{self._seed}:phone:{number}")
        contact = _contact(number)
        patient = contact.get("patientEmail") or contact["patientPhone"]
        wish = {"date": date} if date else self._wishes.draw(rng)
        arguments = {
            "booking": {"patientName": f"Ana {CANARY} {number}"} | contact | wish,
            "idempotency_key": f"a call of {patient}",
            "overbook": overbook,
        }
        return _insist(
            lambda: self._call(self._history.invoke(PHONE, patient), "book_by_phone", arguments)
        )

    def change(self, booking: dict[str, Any], body: Wish) -> Call:
        """Move a booking to a date, or call it off without one; returns the last call."""
        what = RESCHEDULE if body else CANCEL
        wish = self._history.next_wish()
        arguments = {"booking_id": booking["id"], **body}

        def ask() -> Call:
            call = self._history.invoke(what, booking["id"], wish, body.get("date"))
            return self._call(call, f"{what}_booking", arguments)

        return _insist(ask)

    def rush(self, seconds: float, per_second: float) -> None:
        """Keep booking at a steady rate, and change every third booking."""
        pool = eventlet.GreenPool(200)
        end = time.monotonic() + seconds
        visits: list[Any] = []
        while time.monotonic() < end:
            visits.append(pool.spawn(self._visit, len(visits)))
            eventlet.sleep(1 / per_second)
        for visit in visits:
            visit.wait()  # raises what went wrong in it

    def close(self) -> None:
        self._rpc.close()

    def _visit(self, number: int) -> None:
        rng = random.Random(f"{self._seed}:visit:{number}")
        booking = self.book(overbook=rng.random() < 0.3).answer
        if booking is None or rng.random() > 0.33:
            return
        eventlet.sleep(rng.uniform(0, 3))
        is_moved = rng.random() < 0.6
        self.change(booking, self._wishes.elsewhere(booking, rng) if is_moved else {})

    def _call(self, call: Call, method: str, arguments: dict[str, Any]) -> Call:
        began = time.monotonic()
        call.status, call.answer = self._ask(method, arguments)
        call.seconds = time.monotonic() - began
        self._history.complete(call, _outcome(call.status))
        if call.answer:
            self._history.saw(call.answer, call.wish)
        return call

    def _ask(self, method: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        """Return the status with which the gateway would answer, and the booking."""
        try:
            return 200, self._rpc.call(method, until=deadline(), by="staff", **arguments)
        except ServiceUnavailable:
            return 503, None
        except (InvalidBooking, BookingNotFound):
            return 400, None
        except ClinicError:
            return 409, None
        except RuntimeError:
            return 500, None


def _contact(number: int) -> dict[str, str]:
    if number % 3 == 0:
        return {"patientPhone": f"{CANARY_NUMBER}{number:06}"}
    return {"patientEmail": f"phone@{CANARY.lower()}{number}.example.com"}


def _insist(ask: Callable[[], Call]) -> Call:
    until = time.monotonic() + INSIST_SECONDS
    pauses = pauses_seconds()
    while (call := ask()).outcome == UNKNOWN:
        assert time.monotonic() < until, "a call to the booking service never had a clear answer"
        eventlet.sleep(next(pauses))
    return call


def _outcome(status: int) -> str:
    if status == 200:
        return OK
    return UNKNOWN if status >= 500 else FAILED
