"""A message that crashes every consumer is dead-lettered at the delivery limit."""

from __future__ import annotations

from kombu import Connection

from clinic.config import settings
from clinic.dead_letters.dead_letter_queues import DeadLetterQueues
from clinic.messaging.topology import BOOKING_REQUESTS
from tests.amqp import depth, put
from tests.conftest import eventually


def test_a_message_that_crashes_every_consumer_is_dead_lettered(amqp_uri: str) -> None:
    put(amqp_uri, BOOKING_REQUESTS.name, b"{}")

    def is_dead_lettered() -> bool:
        connection = Connection(amqp_uri)
        connection.default_channel.basic_get(BOOKING_REQUESTS.name)
        connection.collect()
        return depth(amqp_uri, BOOKING_REQUESTS.dead_letter) == 1

    eventually(is_dead_lettered)
    with DeadLetterQueues.opened(settings({"AMQP_URI": amqp_uri})) as dead_letters:
        assert [dead_letter.error_code for dead_letter in dead_letters.fetch_all()] == [
            "delivery_limit"
        ]
