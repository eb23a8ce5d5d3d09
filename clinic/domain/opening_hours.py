"""Opening and working hours in wall-clock time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from clinic.domain.time_cells import CELL_MINUTES

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
        bounds = [span.opens, *([span.closes] if span.closes else [])]
        if any(bound.tzinfo is not None for bound in bounds):
            raise ValueError(f"{text} has an offset")
        if any(
            bound.second or bound.microsecond or bound.minute % CELL_MINUTES for bound in bounds
        ):
            raise ValueError(f"{text} is not in steps of {CELL_MINUTES} minutes")
        if span.closes is not None and span.closes <= span.opens:
            raise ValueError(f"{text} closes before it opens")
        return span

    def __str__(self) -> str:
        return (
            f"{self.opens:%H:%M}-{self.closes:%H:%M}"
            if self.closes
            else f"{self.opens:%H:%M}-24:00"
        )

    def overlaps(self, later: OpeningInterval) -> bool:
        """Return whether this interval reaches into one that starts at the same time or later."""
        return self.closes is None or later.opens < self.closes

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return the opening and closing instants on a local day, in UTC.

        Appointments divide elapsed time, not wall-clock time. On days when the clocks change, they
        keep their length, and the day has more or fewer of them.
        """
        return _instant(day, self.opens, zone), self._closing_instant(day, zone)

    def _closing_instant(self, day: date, zone: ZoneInfo) -> datetime:
        if self.closes is None:
            return _instant(day + timedelta(days=1), time.min, zone)
        # A clock change may repeat or skip the closing time: use the later instant.
        return max(_instant(day, self.closes.replace(fold=fold), zone) for fold in (0, 1))


def _instant(day: date, wall_clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, wall_clock, zone).astimezone(UTC)


def _closing(text: str) -> time | None:
    return None if text == _END_OF_DAY else time.fromisoformat(text)
