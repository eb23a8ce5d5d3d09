"""The users of RabbitMQ and their permissions: only what each service needs.

RabbitMQ requires `configure` to declare and delete, `write` to publish and bind to, `read` to
consume, purge and bind from. Declaring a queue that dead-letters also requires `read` on it. Topic
exchanges have permissions by routing key. The default exchange (`amq.default`) has none: a user who
may publish there reaches every queue, but no RPC method. The routing key selects the method, and
there it is the queue's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from clinic.messaging.topology import (
    BOOKING_REQUESTS,
    BOOKING_SERVICE,
    CATALOGUE,
    EMAIL,
    EVENTS,
    NOTIFICATION_ADMIN,
    NOTIFICATIONS,
    STATE_CHANGED,
    WEBHOOK,
    WORK_QUEUES,
    WorkQueue,
)

RPC_EXCHANGE = "nameko-rpc"
_DEFAULT_EXCHANGE = "amq.default"
#: RPC reply queues; the broker generates their names.
_REPLY_QUEUE = r"amq\.gen-.*"
#: The routing key of a reply: a UUID.
_REPLY = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass(frozen=True, slots=True)
class Permissions:
    """Regular expressions for whole names. `rpc_write` and `rpc_read` match routing keys of the RPC
    exchange that the user may send to and receive from."""

    configure: tuple[str, ...]
    write: tuple[str, ...]
    read: tuple[str, ...]
    rpc_write: tuple[str, ...]
    rpc_read: tuple[str, ...] = (_REPLY,)


def pattern(alternatives: Iterable[str]) -> str:
    return f"^({'|'.join(alternatives)})$"


def _names(*names: str) -> tuple[str, ...]:
    return tuple(re.escape(name) for name in names)


def _consumed(work: WorkQueue) -> tuple[str, ...]:
    """Return the names of the work queue and of its retry queues."""
    return (*_names(work.name), rf"{re.escape(work.retry)}(\.[0-9]+s)?")


def _declared(*works: WorkQueue) -> tuple[str, ...]:
    names = ((*_consumed(work), *_names(work.dead_letter)) for work in works)
    return tuple(chain.from_iterable(names))


_PUBLISHED = _names(_DEFAULT_EXCHANGE, EVENTS.name, RPC_EXCHANGE)
_BOOKING_RPC = f"rpc-{BOOKING_SERVICE}"
_CATALOGUE_RPC = f"rpc-{CATALOGUE}"
_DESK_RPC = f"rpc-{NOTIFICATION_ADMIN}"

#: By service; its user has the same name.
BROKER_USERS = {
    "gateway": Permissions(
        configure=(*_names(RPC_EXCHANGE), _REPLY_QUEUE),
        write=(*_PUBLISHED, _REPLY_QUEUE),
        # Staff inspect the dead letters of all services.
        read=(*_names(RPC_EXCHANGE, *(work.dead_letter for work in WORK_QUEUES)), _REPLY_QUEUE),
        rpc_write=(rf"{BOOKING_SERVICE}\.[a-z_]+", rf"{NOTIFICATION_ADMIN}\.[a-z_]+"),
    ),
    "booking_service": Permissions(
        configure=(
            *_declared(BOOKING_REQUESTS),
            *_names(EVENTS.name, RPC_EXCHANGE, _BOOKING_RPC, _CATALOGUE_RPC),
        ),
        write=(*_PUBLISHED, *_names(_BOOKING_RPC, _CATALOGUE_RPC)),
        read=(*_consumed(BOOKING_REQUESTS), *_names(RPC_EXCHANGE, _BOOKING_RPC, _CATALOGUE_RPC)),
        rpc_write=(_REPLY,),
        rpc_read=(rf"{BOOKING_SERVICE}\.\*", rf"{CATALOGUE}\.\*"),
    ),
    "notification_service": Permissions(
        configure=(
            *_declared(EMAIL, WEBHOOK),
            *_names(EVENTS.name, NOTIFICATIONS.name, RPC_EXCHANGE, _DESK_RPC),
            _REPLY_QUEUE,
        ),
        write=(
            *_PUBLISHED,
            *_names(NOTIFICATIONS.name, EMAIL.name, WEBHOOK.name, _DESK_RPC),
            _REPLY_QUEUE,
        ),
        read=(
            *_consumed(EMAIL),
            *_consumed(WEBHOOK),
            *_names(EVENTS.name, NOTIFICATIONS.name, RPC_EXCHANGE, _DESK_RPC),
            _REPLY_QUEUE,
        ),
        rpc_write=(rf"{BOOKING_SERVICE}\.list_nearest_slots", _REPLY),
        rpc_read=(rf"{NOTIFICATION_ADMIN}\.\*", _REPLY),
    ),
}

#: The only event that services publish or bind.
EVENT_KEYS = (STATE_CHANGED,)
