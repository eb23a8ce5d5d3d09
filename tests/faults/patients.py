"""Clients of the gateway: without a definite response they retry with the same idempotency key."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterable, Iterator
from typing import Any

import eventlet
import requests

from tests.faults import wishes
from tests.faults.history import BOOK, CANCEL, FAILED, OK, RESCHEDULE, UNKNOWN, Call, History
from tests.faults.wishes import Slots, Wish, Wishes

#: In every name; it must never be seen in a log or in a queue.
CANARY = "Zzyzx"
#: Whose mail server says no for good, and whose says "later".
REFUSED, LATER = "refused", "later"
#: A client's own patience, longer than any answer should take.
TIMEOUT_SECONDS = 20
INSIST_SECONDS = 600
#: Who gets no answer waits longer each time: many of them at once would delay the rest for ever.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.3, 8.0


class Patients:
    """The seed decides what each of them wants, by the order in which they come."""

    def __init__(
        self,
        url: str,
        history: History,
        seed: int,
        changing_minds: bool = False,
        wishes: Wishes | None = None,
    ) -> None:
        self._url = url
        self._history = history
        self._seed = seed
        self._changing_minds = changing_minds
        self._wishes = wishes or Slots()
        self._numbers = itertools.count(1)

    def book(self, date: str | None = None, prefix: str = "p") -> dict[str, Any]:
        """Book until there is an answer, and return the booking of it."""
        number = next(self._numbers)
        rng = random.Random(f"{self._seed}:{number}")
        patient = f"{prefix}@{CANARY.lower()}{number}.example.com"
        body = {
            "patientName": f"Ana {CANARY} {number}",
            "patientEmail": patient,
            **({"date": date} if date else self._wishes.draw(rng)),
        }
        clicks = 2 if rng.random() < 0.1 else 1
        twins = [eventlet.spawn(self._post, patient, body) for _ in range(clicks - 1)]
        deadline = time.monotonic() + INSIST_SECONDS
        pauses = pauses_seconds()
        while (answer := self._post(patient, body)) is None:
            assert time.monotonic() < deadline, "the gateway never took a booking"
            eventlet.sleep(next(pauses))
        self._history.saw(answer)
        for twin in twins:
            twin.wait()
        return answer

    def race(self, dates: Iterable[str | None]) -> list[dict[str, Any]]:
        """Book all at once."""
        threads = [eventlet.spawn(self.book, date) for date in dates]
        return [thread.wait() for thread in threads]

    def rush(self, seconds: float, per_second: float) -> None:
        """Keep booking and reading at a steady rate, whatever becomes of the calls."""
        pool = eventlet.GreenPool(200)
        end = time.monotonic() + seconds
        visits = []
        while time.monotonic() < end:
            visits.append(pool.spawn(self._visit))
            eventlet.sleep(1 / per_second)
        for visit in visits:
            visit.wait()  # raises what went wrong in it

    def slot(self, number: int) -> str:
        """The start of one of the slots of the coming months."""
        return wishes.slot(number)

    def cancel(self, booking: dict[str, Any]) -> Call:
        """Call it off; returns the call that got a clear answer."""
        return self._change(CANCEL, booking, {})

    def reschedule(self, booking: dict[str, Any], date: str, **choice: str) -> Call:
        """Move it; returns the call that got a clear answer."""
        return self._change(RESCHEDULE, booking, {"date": date, **choice})

    def read(self, booking_id: str) -> Call:
        call = self._history.invoke("read", booking_id)
        answer = self._call(call, "GET", f"/booking/{booking_id}")
        if answer is not None and answer.status_code == 200:
            self._history.saw(answer.json())
        return call

    def _visit(self) -> None:
        booking = self.book()
        rng = random.Random(f"{self._seed}:{booking['patientEmail']}")
        changes = self._changes_of_mind(booking, rng) if self._changing_minds else []
        for pause_seconds in (0.3, 1, 2):
            eventlet.sleep(pause_seconds)
            self.read(booking["id"])
        for change in changes:
            change.wait()

    def _changes_of_mind(self, booking: dict[str, Any], rng: random.Random) -> list[Any]:
        """Begin what some want: to cancel at once, amid the decision or later; to be elsewhere; or
        two things at the same time."""
        cancel = (self.cancel, booking)
        moves = [(self._move, booking, self._wishes.elsewhere(booking, rng)) for _ in range(2)]
        kind, pause_seconds = rng.random(), rng.uniform(0, 3)
        choices: list[list[Any]] = [[cancel], moves[:1], moves[:1], moves, [cancel, *moves]]
        wanted = choices[int(kind / 0.08)] if kind < 0.4 else []
        return [eventlet.spawn_after(pause_seconds, *each) for each in wanted]

    def _move(self, booking: dict[str, Any], wish: Wish) -> Call:
        return self.reschedule(booking, **wish)

    def _change(self, what: str, booking: dict[str, Any], body: Wish) -> Call:
        """Insist as a client would: to ask for the same change again is safe."""
        wish = self._history.next_wish()
        deadline = time.monotonic() + INSIST_SECONDS
        pauses = pauses_seconds()
        while (call := self._ask(what, booking, wish, body)).outcome == UNKNOWN:
            assert time.monotonic() < deadline, "a change never had a clear answer"
            eventlet.sleep(next(pauses))
        return call

    def _ask(self, what: str, booking: dict[str, Any], wish: int, body: Wish) -> Call:
        call = self._history.invoke(what, booking["id"], wish, body.get("date"))
        key = {"Authorization": f"Bearer {booking['manageToken']}"}
        answer = self._call(
            call, "POST", f"/booking/{booking['id']}/{what}", json=body, headers=key
        )
        if answer is not None and answer.status_code == 200:
            call.answer = answer.json()
            self._history.saw(answer.json(), wish)
        return call

    def _post(self, patient: str, body: dict[str, Any]) -> dict[str, Any] | None:
        call = self._history.invoke(BOOK, patient)
        answer = self._call(call, "POST", "/book", json=body, headers={"Idempotency-Key": patient})
        if answer is None or answer.status_code != 201:
            return None
        call.answer = answer.json()["booking"]
        return call.answer

    def _call(self, call: Call, method: str, path: str, **request: Any) -> requests.Response | None:
        began = time.monotonic()
        outcome = UNKNOWN
        try:
            answer = requests.request(method, self._url + path, timeout=TIMEOUT_SECONDS, **request)
            call.status = answer.status_code
            outcome = _outcome(answer.status_code)
        except requests.RequestException:
            return None
        finally:
            call.seconds = time.monotonic() - began
            self._history.complete(call, outcome)
        return answer


def pauses_seconds() -> Iterator[float]:
    """Yield the pauses between the tries of one client."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _outcome(status: int) -> str:
    if status < 300:
        return OK
    # A 503 may come after a write whose fate is not known.
    return UNKNOWN if status >= 500 else FAILED
