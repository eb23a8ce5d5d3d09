"""Tears down a channel that is disabled, so that no messages accumulate for it."""

from __future__ import annotations

from clinic.concurrency.periodic_task import PeriodicTask
from clinic.messaging.publisher import Publisher
from notification_service.reconciliation.watermark import Watermark

_INTERVAL_SECONDS = 1.0


class ChannelTeardown:
    """Unbinds the channel's queue and deletes its watermark: once, in the background, as soon as
    broker and database are available.

    `publisher` unbinds the queue whenever it connects. Because the watermark is deleted, a channel
    that is enabled again sends no events from the time when it was disabled.
    """

    def __init__(self, publisher: Publisher, watermark: Watermark) -> None:
        self._publisher = publisher
        self._watermark = watermark
        self._task = PeriodicTask("channel teardown", self._run, _INTERVAL_SECONDS, 5.0)

    def start(self) -> None:
        self._task.start()

    def stop(self) -> None:
        self._task.stop()

    def _run(self) -> None:
        try:
            self._publisher.keep_alive()
            self._watermark.delete()
        finally:
            self._publisher.close()
        self._task.finish()
