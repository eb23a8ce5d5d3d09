"""The clinic's calendar: its opening hours and the starts of its slots. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_END_OF_DAY = "24:00"


@dataclass(frozen=True, slots=True)
class OpeningInterval:
    """Opening hours in wall-clock time; a `closes` of None is midnight at the end of the day."""

    opens: time
    closes: time | None

    @classmethod
    def parse(cls, text: str) -> OpeningInterval:
        """Read "08:00-20:00" or "08:00-24:00". Raises: ValueError."""
        opens, _, closes = (part.strip() for part in text.partition("-"))
        span = cls(time.fromisoformat(opens), _closing(closes))
        if any(end is not None and end.tzinfo is not None for end in (span.opens, span.closes)):
            raise ValueError(f"{text} has an offset")
        if span.closes is not None and span.closes <= span.opens:
            raise ValueError(f"{text} closes before it opens")
        return span


@dataclass(frozen=True, slots=True)
class Calendar:
    """`hours` maps each weekday (Monday = 0) to its opening intervals."""

    zone: ZoneInfo
    hours: Mapping[int, Sequence[OpeningInterval]]
    slot: timedelta
    seats_per_slot: int
    closed_days: frozenset[date]
    horizon: timedelta

    def is_open(self, moment: datetime) -> bool:
        return any(opens <= moment < closes for opens, closes in self._hours_around(moment))

    def is_slot_start(self, moment: datetime) -> bool:
        """Return whether a slot starts at this instant and ends before closing."""
        return any(
            opens <= moment <= closes - self.slot and not (moment - opens) % self.slot
            for opens, closes in self._hours_around(moment)
        )

    def slot_starts(self, day: date) -> list[datetime]:
        """List the slot starts of one local day, in UTC, in chronological order."""
        starts = []
        for start, closes in self._hours_of(day):
            while start + self.slot <= closes:
                starts.append(start)
                start += self.slot
        return starts

    def _hours_around(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        return self._hours_of(moment.astimezone(self.zone).date())

    def _hours_of(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Yield the opening and closing instants of a local day, in UTC.

        Slots divide elapsed time, not wall-clock time. On days when the clocks change, slots keep
        their length, and the day has more or fewer of them.
        """
        if day in self.closed_days:
            return
        for span in self.hours.get(day.weekday(), ()):
            yield self._instant(day, span.opens), self._closing_instant(day, span)

    def _closing_instant(self, day: date, span: OpeningInterval) -> datetime:
        if span.closes is None:
            return self._instant(day + timedelta(days=1), time.min)
        # A clock change may repeat or skip the closing time: use the later instant.
        return max(self._instant(day, span.closes.replace(fold=fold)) for fold in (0, 1))

    def _instant(self, day: date, wall_clock: time) -> datetime:
        return datetime.combine(day, wall_clock, self.zone).astimezone(UTC)


def _closing(text: str) -> time | None:
    return None if text == _END_OF_DAY else time.fromisoformat(text)
