"""Invariants of the time that bookings occupy: by the claims that they hold, and without them.

The times are computed here from the bookings' own dates; nothing is asked of the code that makes
the claims.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from clinic.domain.booking import Status
from clinic.domain.catalogue import Catalogue, Schedule, ScheduleKind
from tests.faults.allowed import Found

_CELL_MINUTES = 5

Booking = Mapping[str, Any]
_Interval = tuple[datetime, datetime]


def of_claims(bookings: Iterable[Booking], catalogue: Catalogue) -> Found:
    """What is broken when all is quiet; `bookings` are documents of all statuses."""
    bookings = list(bookings)
    for (_, claim), count in _holders(bookings).items():
        if count > 1:
            yield "I3", f"the claim {claim} is held by {count} bookings"
    for each in bookings:
        if each["status"] != Status.CONFIRMED and each.get("claims"):
            yield "I3", f"{each['_id']} is {each['status']} and holds claims"
    for each in _confirmed(bookings):
        for problem in _wrong_claims(each, catalogue):
            yield "I3", f"{each['_id']} {problem}"
    for text in overbooked(bookings, catalogue):
        yield "I3", text


def overbooked(bookings: Iterable[Booking], catalogue: Catalogue) -> Iterator[str]:
    """Tell where more appointments overlap than there are seats."""
    busy: dict[str, list[_Interval]] = defaultdict(list)
    for each in _confirmed(bookings):
        for place in _places(each, catalogue):
            busy[place].append(_occupied(each, catalogue))
    capacity = _capacity(catalogue)
    for place, intervals in busy.items():
        count, moment = _most_at_once(intervals)
        if count > capacity.get(place, 0):
            seats = capacity.get(place, 0)
            yield f"{count} confirmed at once for {seats} seats of {place} on {moment}"


def _confirmed(bookings: Iterable[Booking]) -> Iterator[Booking]:
    return (each for each in bookings if each["status"] == Status.CONFIRMED)


def _holders(bookings: Iterable[Booking]) -> Counter[tuple[str, str]]:
    return Counter(
        (each["clinic"], key) for each in bookings for key in set(each.get("claims", ()))
    )


def _occupied(booking: Booking, catalogue: Catalogue) -> _Interval:
    """From the stored start to the stored end, with the buffers of the service."""
    service = catalogue.service(booking.get("service"))
    before, after = (service.before, service.after) if service else (0, 0)
    start, end = booking["date"], booking["end"]
    return start - timedelta(minutes=before), end + timedelta(minutes=after)


def _places(booking: Booking, catalogue: Catalogue) -> set[str]:
    """What an appointment takes a seat of: the practitioner whom it names, all of each kind that
    its service needs, and the rooms, which only its claims tell."""
    service = catalogue.service(booking.get("service"))
    kinds = {_all_of(kind) for kind in service.needs} if service else set()
    people = {booking["practitioner"]} if booking.get("practitioner") else set()
    return kinds | people | {each for each in _held(booking) if _is_room(each, catalogue)}


def _is_room(schedule_id: str, catalogue: Catalogue) -> bool:
    schedule = catalogue.schedules.get(schedule_id)
    return schedule is None or schedule.kind is ScheduleKind.ROOM


def _capacity(catalogue: Catalogue) -> Mapping[str, int]:
    """The seats of each schedule, and of all schedules of a kind together."""
    capacity: Counter[str] = Counter()
    for schedule in catalogue.schedules.values():
        seats = schedule.capacity + schedule.overbook
        capacity[schedule.id] += seats
        capacity[_all_of(schedule.kind)] += seats
    return capacity


def _all_of(kind: ScheduleKind) -> str:
    return f"every {kind.value}"


def _most_at_once(intervals: Iterable[_Interval]) -> tuple[int, datetime | None]:
    """Return how many overlap where most do, and when that begins."""
    changes = [(start, 1) for start, _ in intervals] + [(end, -1) for _, end in intervals]
    count, most, moment = 0, 0, None
    for at, change in sorted(changes):  # what ends at a moment ends before another one begins
        count += change
        if count > most:
            most, moment = count, at
    return most, moment


def _held(booking: Booking) -> dict[str, list[tuple[int, int]]]:
    """The (cell, seat) of each claim, by schedule."""
    held: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for key in booking.get("claims", ()):
        schedule, seat, cell = key.split("/")
        held[schedule].append((int(cell), int(seat)))
    return held


def _wrong_claims(booking: Booking, catalogue: Catalogue) -> Iterator[str]:
    """Each kind of schedule that the service needs is claimed once, for the booking's own time."""
    service = catalogue.service(booking.get("service"))
    held = _held(booking)
    if service is None or not held.keys() <= catalogue.schedules.keys():
        yield "is of a service, or holds claims of schedules, that do not exist"
        return
    if booking["end"] != booking["date"] + timedelta(minutes=service.minutes):
        yield "is not as long as its service"
    schedules = [catalogue.schedules[schedule_id] for schedule_id in held]
    if Counter(schedule.kind for schedule in schedules) != Counter(service.needs):
        yield "does not hold what its service needs"
    people = {each.id for each in schedules if each.kind is ScheduleKind.PRACTITIONER}
    if people != ({booking["practitioner"]} if booking.get("practitioner") else set()):
        yield "holds the time of another practitioner"
    for schedule in schedules:
        cells = sorted(cell for cell, _ in held[schedule.id])
        if cells != _cells(_occupied(booking, catalogue), schedule.grid_minutes):
            yield "does not hold exactly its own time"
        if not {seat for _, seat in held[schedule.id]} <= _seats(booking, schedule):
            yield "holds a seat that does not exist"


def _cells(occupied: _Interval, grid_minutes: int) -> list[int]:
    """The cells, one of each step of the grid, in which some of the interval lies."""
    first, last = (int(moment.timestamp()) // 60 for moment in occupied)
    minutes = range(first // grid_minutes * grid_minutes, last, grid_minutes)
    return [minute // _CELL_MINUTES for minute in minutes]


def _seats(booking: Booking, schedule: Schedule) -> set[int]:
    """Only staff may overbook."""
    is_by_staff = booking["history"][0]["by"] == "staff"
    return set(range(schedule.capacity + (schedule.overbook if is_by_staff else 0)))
