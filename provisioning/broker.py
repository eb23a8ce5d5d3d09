"""RabbitMQ's definitions: users with hashed passwords, permissions and the topology.

The broker imports them at each start, so that queues which a service may not declare exist.
https://www.rabbitmq.com/docs/definitions
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from kombu import Exchange, Queue

from clinic.config import Settings
from clinic.messaging.topology import (
    BOOKING_REQUESTS,
    EMAIL,
    EVENTS,
    NOTIFICATIONS,
    STATE_CHANGED,
    WEBHOOK,
)
from provisioning.broker_users import (
    BROKER_USERS,
    EVENT_KEYS,
    RPC_EXCHANGE,
    Permissions,
    pattern,
)

_VHOST = "/"
_SALT_BYTES = 4  # RabbitMQ's format


def definitions(settings: Settings, passwords: Mapping[str, str]) -> dict[str, Any]:
    """Return the definitions of a broker; `passwords` has one for each of `BROKER_USERS`."""
    permissions = BROKER_USERS.items()
    return {
        "vhosts": [{"name": _VHOST}],
        "users": [_user(name, passwords[name]) for name in BROKER_USERS],
        "permissions": [_permissions(name, granted) for name, granted in permissions],
        "topic_permissions": [
            topic for name, granted in permissions for topic in _topic_permissions(name, granted)
        ],
        "exchanges": [
            _exchange(exchange)
            for exchange in (EVENTS, NOTIFICATIONS, Exchange(RPC_EXCHANGE, "topic", durable=True))
        ],
        "queues": [_queue(queue) for queue in _queues(settings)],
        "bindings": [
            _binding(EVENTS.name, STATE_CHANGED, NOTIFICATIONS.name, "exchange"),
            _binding(NOTIFICATIONS.name, "", EMAIL.name, "queue"),
        ],
    }


def password_hash(password: str) -> str:
    """https://www.rabbitmq.com/docs/passwords"""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.sha256(salt + password.encode()).digest()
    return base64.b64encode(salt + digest).decode()


def _user(name: str, password: str) -> dict[str, Any]:
    return {
        "name": name,
        "password_hash": password_hash(password),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],  # no access to the management page
    }


def _permissions(user: str, granted: Permissions) -> dict[str, str]:
    return {
        "user": user,
        "vhost": _VHOST,
        "configure": pattern(granted.configure),
        "write": pattern(granted.write),
        "read": pattern(granted.read),
    }


def _topic_permissions(user: str, granted: Permissions) -> list[dict[str, str]]:
    by_exchange = {
        RPC_EXCHANGE: (granted.rpc_write, granted.rpc_read),
        EVENTS.name: (EVENT_KEYS, EVENT_KEYS),
    }
    return [
        {
            "user": user,
            "vhost": _VHOST,
            "exchange": exchange,
            "write": pattern(write),
            "read": pattern(read),
        }
        for exchange, (write, read) in by_exchange.items()
    ]


def _queues(settings: Settings) -> list[Queue]:
    delays = settings.retry_delays_seconds
    webhook_delays = settings.webhook_delays_seconds or ()
    return [
        *BOOKING_REQUESTS.queues(delays),
        *EMAIL.queues(delays),
        *WEBHOOK.queues(webhook_delays),
    ]


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "name": exchange.name,
        "vhost": _VHOST,
        "type": exchange.type,
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": {},
    }


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "name": queue.name,
        "vhost": _VHOST,
        "durable": True,
        "auto_delete": False,
        "arguments": queue.queue_arguments,
    }


def _binding(source: str, routing_key: str, destination: str, kind: str) -> dict[str, Any]:
    return {
        "source": source,
        "vhost": _VHOST,
        "destination": destination,
        "destination_type": kind,
        "routing_key": routing_key,
        "arguments": {},
    }
