"""The broker, its queues and what travels through them."""

import logging
import os

from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from pydantic import BaseModel

REQUESTS = RabbitQueue("booking_requests", durable=True)
EVENTS = RabbitExchange("booking_events", type=ExchangeType.FANOUT, durable=True)
EMAILS = RabbitQueue("emails", durable=True)


class Requested(BaseModel):
    booking_id: str


class Decided(BaseModel):
    booking_id: str
    status: str
    email: str


def connect() -> RabbitBroker:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("faststream").setLevel(logging.WARNING)
    return RabbitBroker(os.environ["AMQP_URI"], logger=None)  # no two lines for each message
