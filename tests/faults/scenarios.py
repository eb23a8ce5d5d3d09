"""What goes on at a crash point: who books, changes, is reminded, or replays, and what must be so
afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

import eventlet
from kombu import Connection

from tests.amqp import depth
from tests.conftest import eventually
from tests.faults.campaign import Campaign
from tests.faults.injection.points import (
    BOOK,
    CANCEL,
    CHECK_FAILS,
    CONTEND,
    LOSE,
    MOVE,
    PHONE,
    REMIND,
    REPLAY,
)
from tests.faults.staff import replay, replay_until_decided
from tests.faults.state import wait_for_quiet
from tests.faults.system import SEATS, System

#: Where the slots of these scenarios begin, those of tomorrow and the day after left out.
_FIRST, _FIRST_OF_CHANGES = 130, 1000
_NEAR = 48  #: slots of appointments that are reminded of
_SLOTS_OF_A_CHANGE = 10
_EMAIL = "notification_service.email"


@dataclass
class Scenario:
    """Several want the same slot. `number` is the case's, and picks slots of its own."""

    campaign: Campaign
    number: int
    bookings: int
    prefix: str
    #: Whether booking service or broker may be away for those who wait for an answer.
    changes: ClassVar[bool] = False

    def prepare(self) -> None:
        """Do what comes before the fault is armed."""

    def begin(self) -> list[Any]:
        """Begin what reaches the fault; returns what to wait for."""
        book = partial(self.campaign.patients.book, self.slot, self.prefix)
        return [eventlet.spawn(book) for _ in range(self.bookings)]

    def clear_up(self) -> None:
        """Do what a person would do about what is left."""

    def found(self) -> list[str]:
        """Say what is wrong when all is quiet: a crash must not cost anybody a free seat."""
        return _seats(self.campaign.system, self.slot, min(self.bookings, SEATS))

    @property
    def slot(self) -> str:
        return self.campaign.patients.slot(_FIRST + self.number)


class Remind(Scenario):
    @property
    def slot(self) -> str:
        return self.campaign.patients.slot(_NEAR - 1 - self.number % _NEAR)


class Contend(Scenario):
    """All seats but one are taken: the next booking loses a claim, and then reads what is free."""

    def prepare(self) -> None:
        self.campaign.patients.race([self.slot] * (SEATS - 1))
        assert wait_for_quiet(self.campaign.system, self.campaign.settle_seconds)

    def found(self) -> list[str]:
        return _seats(self.campaign.system, self.slot, SEATS)


class Phone(Scenario):
    """Staff book the same slot for several patients on the phone."""

    changes = True

    def begin(self) -> list[Any]:
        return [eventlet.spawn(self.campaign.desk.book, self.slot) for _ in range(self.bookings)]


class Cancel(Scenario):
    """All who have a seat give it back at once."""

    changes = True

    def prepare(self) -> None:
        slots = [self._slot(number // SEATS) for number in range(self.bookings)]
        self.booked = self.campaign.patients.race(slots)
        assert wait_for_quiet(self.campaign.system, self.campaign.settle_seconds)

    def begin(self) -> list[Any]:
        return [eventlet.spawn(self.campaign.patients.cancel, each) for each in self.booked]

    def found(self) -> list[str]:
        wanted = {"_id": {"$in": [each["id"] for each in self.booked]}, "status": "cancelled"}
        count = self.campaign.system.database["bookings"].count_documents(wanted)
        return [] if count == self.bookings else [f"I17: {count} of {self.bookings} are cancelled"]

    def _slot(self, number: int) -> str:
        first = _FIRST_OF_CHANGES + _SLOTS_OF_A_CHANGE * self.number
        return self.campaign.patients.slot(first + number)


class Move(Cancel):
    """All want to be moved to the same slot."""

    def begin(self) -> list[Any]:
        move = partial(self.campaign.patients.reschedule, date=self._target)
        return [eventlet.spawn(move, each) for each in self.booked]

    def found(self) -> list[str]:
        return _seats(self.campaign.system, self._target, min(self.bookings, SEATS))

    @property
    def _target(self) -> str:
        return self._slot(_SLOTS_OF_A_CHANGE - 1)


class Lose(Scenario):
    """The broker has lost the events of these bookings."""

    def prepare(self) -> None:
        system = self.campaign.system
        for part in system.parts_of("notifier"):
            part.stop()
        self.campaign.patients.race([self.slot] * self.bookings)
        eventually(lambda: depth(system.node.uri, _EMAIL) == self.bookings)
        with Connection(system.node.uri) as connection:
            connection.default_channel.queue_purge(_EMAIL)

    def begin(self) -> list[Any]:
        for part in self.campaign.system.parts_of("notifier"):
            part.start()
        return []


class Replay(Scenario):
    """The check has failed too often, and somebody sends the requests round again."""

    def prepare(self) -> None:
        system = self.campaign.system
        (system.fault_files / CHECK_FAILS).touch()
        self.campaign.patients.race([self.slot] * self.bookings)
        eventually(lambda: depth(system.node.uri, "booking_dead_letter") >= self.bookings)
        (system.fault_files / CHECK_FAILS).unlink()

    def begin(self) -> list[Any]:
        return [replay(self.campaign.system, "tests.faults.injection.dead_letters")]

    def clear_up(self) -> None:
        replay_until_decided(self.campaign.system)


SCENARIOS: dict[str, Callable[..., Scenario]] = {
    BOOK: Scenario,
    CONTEND: Contend,
    PHONE: Phone,
    CANCEL: Cancel,
    MOVE: Move,
    REMIND: Remind,
    LOSE: Lose,
    REPLAY: Replay,
}


def _seats(system: System, slot: str, expected: int) -> list[str]:
    wanted = {"date": datetime.fromisoformat(slot), "status": "confirmed"}
    confirmed = system.database["bookings"].count_documents(wanted)
    return [] if confirmed == expected else [f"I3: {confirmed} of {expected} seats are taken"]
