"""Tells patients what became of their bookings; the e-mail is simulated."""

import logging

from faststream import FastStream
from faststream.rabbit import Channel
from messaging import EMAILS, EVENTS, Decided, connect

logger = logging.getLogger("notifier")
broker = connect()
app = FastStream(broker, logger=None)


@broker.subscriber(EMAILS, EVENTS, channel=Channel(prefetch_count=50))
async def notify(event: Decided) -> None:
    logger.info("e-mail to %s: booking %s is %s", event.email, event.booking_id, event.status)
