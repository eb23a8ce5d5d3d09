"""Tears down a channel that is disabled, so that no messages accumulate for it."""

from __future__ import annotations

import logging
import threading

from clinic.concurrency.threads import join
from clinic.errors import TransientError
from clinic.messaging.publisher import Publisher
from notification_service.reconciliation.watermark import Watermark

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 5.0


class ChannelTeardown:
    """Unbinds the channel's queue and deletes its watermark: once, in the background, as soon as
    broker and database are available.

    `publisher` unbinds the queue whenever it connects. Without its watermark the channel sends
    nothing about the time in which it was disabled, when it is enabled again.
    """

    def __init__(self, publisher: Publisher, watermark: Watermark) -> None:
        self._publisher = publisher
        self._watermark = watermark
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="channel-teardown", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float = 10) -> None:
        self._stopping.set()
        join(self._thread, timeout_seconds)

    def _run(self) -> None:
        while not self._stopping.is_set() and not self._is_done():
            self._stopping.wait(_PAUSE_SECONDS)

    def _is_done(self) -> bool:
        try:
            self._publisher.keep_alive()
            self._watermark.delete()
        except TransientError as error:
            logger.debug("channel can't be torn down yet", extra={"code": error.code})
            return False
        finally:
            self._publisher.close()
        return True
