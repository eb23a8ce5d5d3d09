"""A message that ends each of its consumers is delivered so often, and no more."""

from __future__ import annotations

from kombu import Connection

from clinic.config import settings
from clinic.dead_letters.dead_letter_queues import DeadLetterQueues
from clinic.messaging.topology import BOOKING_REQUESTS
from tests.amqp import depth, put
from tests.conftest import eventually


def test_a_message_that_kills_each_consumer_ends_in_the_dead_letters(amqp_uri: str) -> None:
    put(amqp_uri, BOOKING_REQUESTS.name, b"{}")

    def is_dead() -> bool:
        connection = Connection(amqp_uri)
        connection.default_channel.basic_get(BOOKING_REQUESTS.name)
        connection.collect()
        return depth(amqp_uri, BOOKING_REQUESTS.dead_letter) == 1

    eventually(is_dead)
    with DeadLetterQueues.opened(settings({"AMQP_URI": amqp_uri})) as letters:
        assert [letter.error_code for letter in letters.fetch_all()] == ["delivery_limit"]
