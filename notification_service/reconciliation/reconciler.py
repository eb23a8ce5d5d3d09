"""Compares the bookings with the ledger, and publishes again what the broker has lost."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from clinic.bookings.change_feed import BookingTransitions, ChangeFeed
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.clock import now
from clinic.messaging.publisher import Publisher
from clinic.observability.metrics import EVENTS_REPUBLISHED
from clinic.outbox.outbox_message import OutboxMessage
from notification_service.delivery_log import DeliveryLog, DeliveryRecord
from notification_service.periodic_task import PeriodicTask
from notification_service.reconciliation.watermark import Watermark

logger = logging.getLogger(__name__)

#: How long a step that nobody can be told of holds the watermark back.
GIVE_UP_AFTER = timedelta(hours=48)
#: Events that are claimed and published at once.
BATCH = 100
#: Messages in the queue from which on nothing is added to it.
ROOM = 500
_TICK_SECONDS = 1.0
_MILLISECOND = timedelta(milliseconds=1)


class Reconciler:
    """One background greenthread of each notifier; several agree through the ledger.

    A step that was taken `patience_seconds` ago is lost when nobody has noted what became of it,
    and nobody has had it in hand for as long. It is published to `queue` again. The first round of
    all reaches back `reach`. Whatever goes wrong here, a later round sees it.
    """

    def __init__(
        self,
        journal: ChangeFeed,
        ledger: DeliveryLog,
        watermark: Watermark,
        publisher: Publisher,
        queue: str,
        patience_seconds: float,
        reach: timedelta = GIVE_UP_AFTER,
    ) -> None:
        self._journal = journal
        self._ledger = ledger
        self._watermark = watermark
        self._publisher = publisher
        self._queue = queue
        self._reach = reach
        self._patience = timedelta(seconds=patience_seconds)
        interval_seconds = min(max(patience_seconds / 10, 1.0), 60.0)
        # The first run waits as well: a notifier that was away works off its queue meanwhile.
        self._task = PeriodicTask("reconciliation", self._run, interval_seconds, patience_seconds)

    def start(self) -> None:
        self._task.start()

    def stop(self) -> None:
        self._task.stop()

    def _run(self) -> None:
        try:
            self.round()
        finally:
            self._publisher.close()  # there is nothing to send for most of the time

    def round(self) -> None:
        """Look at all steps from the watermark on. Raises: DatabaseUnavailable, BrokerUnavailable;
        the watermark stays below what was not looked at."""
        until = now() - self._patience
        since = self._watermark.read() or self._begin()
        holding: datetime | None = None
        while since <= until and not self._task.is_stopping:
            page = self._journal.read(since, until)
            unsettled = self._review(page.bookings)
            holding = holding or unsettled
            self._watermark.rise(holding - _MILLISECOND if holding else page.reached)
            since = page.reached + _MILLISECOND

    def _begin(self) -> datetime:
        """Write down where the first round begins: it may find nothing that is old enough."""
        beginning = now() - self._reach
        self._watermark.rise(beginning)
        return beginning

    def _review(self, bookings: Sequence[BookingTransitions]) -> datetime | None:
        """Publish again what was lost. Return when the first booking was changed of which
        something is unsettled, unless that is too long ago."""
        rows = self._ledger.rows([event for booking in bookings for event in booking.events])
        unsettled = [
            (booking, event)
            for booking in bookings
            for event in booking.events
            if not _is_settled(rows.get(event.event_id))
        ]
        untouched_since = now() - self._patience
        # One that still waits in an outbox is sent twice then, and told of once.
        lost = [
            event for _, event in unsettled if _is_stale(rows.get(event.event_id), untouched_since)
        ]
        self._publish_again(lost, untouched_since)
        return _first_that_holds(unsettled)

    def _publish_again(
        self, lost: Sequence[BookingStateChanged], untouched_since: datetime
    ) -> None:
        for start in range(0, len(lost), BATCH):
            if not self._wait_for_room():
                return
            batch = lost[start : start + BATCH]
            # Claimed first: should we die before they are published, they are lost once more.
            if claimed := self._ledger.reclaim(batch, untouched_since):
                self._publish(claimed)

    def _wait_for_room(self) -> bool:
        """Wait until the queue is short: in a long one, what waits looks like what was lost.

        Nothing is claimed for a broker that is away. False when the service stops.
        """
        while self._publisher.depth(self._queue) >= ROOM:
            if self._task.wait(_TICK_SECONDS):
                return False
        return not self._task.is_stopping

    def _publish(self, events: Sequence[BookingStateChanged]) -> None:
        messages = [OutboxMessage.of_change(event).to_queue(self._queue) for event in events]
        refused = self._publisher.publish(messages)
        for event in events:
            logger.info("event published again", extra={"event_id": event.event_id})
        logger.warning("events were lost and published again", extra={"count": len(events)})
        EVENTS_REPUBLISHED.labels(self._queue).inc(len(events))
        if refused:
            logger.error("the broker refused messages", extra={"count": len(refused)})


def _is_settled(row: DeliveryRecord | None) -> bool:
    return row is not None and row.is_settled


def _is_stale(row: DeliveryRecord | None, untouched_since: datetime) -> bool:
    return row is None or row.is_stale(untouched_since)


def _first_that_holds(
    unsettled: Sequence[tuple[BookingTransitions, BookingStateChanged]],
) -> datetime | None:
    too_old = now() - GIVE_UP_AFTER
    for booking, event in unsettled:
        if booking.updated_at > too_old:
            return booking.updated_at
        logger.error(
            "not told for two days, no longer looked after", extra={"event_id": event.event_id}
        )
    return None
