"""Compares bookings with the delivery log and republishes lost events."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from clinic.bookings.change_feed import BookingTransitions, ChangeFeed
from clinic.concurrency.periodic_task import PeriodicTask
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.clock import now
from clinic.messaging.publisher import Publisher
from clinic.observability.metrics import EVENTS_REPUBLISHED
from clinic.outbox.outbox_message import OutboxMessage
from notification_service.delivery_log import DeliveryLog, DeliveryRecord
from notification_service.reconciliation.watermark import Watermark

logger = logging.getLogger(__name__)

#: How long an event without an outcome blocks the watermark.
GIVE_UP_AFTER = timedelta(hours=48)
#: Events claimed and published together.
BATCH = 100
#: At this queue depth no event is republished.
MAX_QUEUE_DEPTH = 500
_TICK_SECONDS = 1.0
_MILLISECOND = timedelta(milliseconds=1)


class Reconciler:
    """A periodic task of each notifier. Claims in the delivery log prevent duplicate republishing.

    An event counts as lost after `settle_delay_seconds` without an outcome or a lease, and is
    republished to `queue`. The very first run looks back by `look_back`. After any failure, a later
    run finds the event again.
    """

    def __init__(
        self,
        feed: ChangeFeed,
        delivery_log: DeliveryLog,
        watermark: Watermark,
        publisher: Publisher,
        queue: str,
        settle_delay_seconds: float,
        look_back: timedelta = GIVE_UP_AFTER,
    ) -> None:
        self._feed = feed
        self._delivery_log = delivery_log
        self._watermark = watermark
        self._publisher = publisher
        self._queue = queue
        self._look_back = look_back
        self._settle_delay = timedelta(seconds=settle_delay_seconds)
        interval_seconds = min(max(settle_delay_seconds / 10, 1.0), 60.0)
        # The first run waits too, so that a notifier that was down drains its queue first.
        self._task = PeriodicTask(
            "reconciliation", self._run, interval_seconds, settle_delay_seconds
        )

    def start(self) -> None:
        self._task.start()

    def stop(self) -> None:
        self._task.stop()

    def _run(self) -> None:
        try:
            self.run_once()
        finally:
            self._publisher.close()  # rarely needed

    def run_once(self) -> None:
        """Check all events after the watermark. Raises: DatabaseUnavailable, BrokerUnavailable. On
        an error, the watermark stays before the unchecked events."""
        until = now() - self._settle_delay
        since = self._watermark.read() or self._begin()
        blocking: datetime | None = None
        while since <= until and not self._task.is_stopping:
            page = self._feed.read(since, until)
            without_outcome = self._review(page.bookings)
            blocking = blocking or without_outcome
            self._watermark.advance(blocking - _MILLISECOND if blocking else page.reached)
            since = page.reached + _MILLISECOND

    def _begin(self) -> datetime:
        """Store where the first run starts, because it may find no event that is old enough."""
        start = now() - self._look_back
        self._watermark.advance(start)
        return start

    def _review(self, bookings: Sequence[BookingTransitions]) -> datetime | None:
        """Republish lost events. Return the update time of the first booking with an event without
        an outcome, ignoring those older than GIVE_UP_AFTER."""
        records = self._delivery_log.find_records(
            [event for booking in bookings for event in booking.events]
        )
        without_outcome = [
            (booking, event)
            for booking in bookings
            for event in booking.events
            if not _is_final(records.get(event.event_id))
        ]
        idle_since = now() - self._settle_delay
        # An event that is still in an outbox is published twice; consumers are idempotent.
        lost = [
            event
            for _, event in without_outcome
            if _is_stale(records.get(event.event_id), idle_since)
        ]
        self._republish(lost, idle_since)
        return _first_blocking(without_outcome)

    def _republish(self, lost: Sequence[BookingStateChanged], idle_since: datetime) -> None:
        for start in range(0, len(lost), BATCH):
            if not self._wait_for_capacity():
                return
            batch = lost[start : start + BATCH]
            # Claimed first: after a crash before publishing, a later run finds them.
            if claimed := self._delivery_log.claim_for_republish(batch, idle_since):
                self._publish(claimed)

    def _wait_for_capacity(self) -> bool:
        """Wait until the queue is short: in a long queue, waiting events look lost.

        Return False if the task is stopping. Raises: BrokerUnavailable, before anything is claimed.
        """
        while self._publisher.depth(self._queue) >= MAX_QUEUE_DEPTH:
            if self._task.wait(_TICK_SECONDS):
                return False
        return not self._task.is_stopping

    def _publish(self, events: Sequence[BookingStateChanged]) -> None:
        messages = [OutboxMessage.of_change(event).to_queue(self._queue) for event in events]
        nacked = self._publisher.publish(messages)
        for event in events:
            logger.info("event republished", extra={"event_id": event.event_id})
        logger.warning("lost events republished", extra={"count": len(events)})
        EVENTS_REPUBLISHED.labels(self._queue).inc(len(events))
        if nacked:
            logger.error("the broker refused messages", extra={"count": len(nacked)})


def _is_final(record: DeliveryRecord | None) -> bool:
    return record is not None and record.is_final


def _is_stale(record: DeliveryRecord | None, idle_since: datetime) -> bool:
    return record is None or record.is_stale(idle_since)


def _first_blocking(
    without_outcome: Sequence[tuple[BookingTransitions, BookingStateChanged]],
) -> datetime | None:
    too_old = now() - GIVE_UP_AFTER
    for booking, event in without_outcome:
        if booking.updated_at > too_old:
            return booking.updated_at
        logger.error("no outcome for two days, event abandoned", extra={"event_id": event.event_id})
    return None
