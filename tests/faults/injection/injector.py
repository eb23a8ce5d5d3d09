"""Make a process die, fail or stop once, at a named point of its work.

The services under test are the real ones; their entry modules here wrap methods before they
start. What to do is read from files of the directory that `FAULT_DIRECTORY` names:

* `armed` holds "<mode> <name of the point>". Whoever gets there first renames the file to
  `fired.<pid>` and does it, so that one arming is one fault, whatever the number of processes.
* a file named like a failure (see points.py) makes that failure last until it is deleted.

`checks` grows by one byte with each availability check that is run.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from clinic.errors import CheckUnavailable, DeliveryOutcomeUnknown
from tests.faults.injection.points import (
    CHECK_FAILS,
    EMAIL,
    GATEWAY,
    GATEWAY_HAS_DIED,
    POINTS,
    REMINDER,
    WEBHOOK,
    WORKER,
    Point,
)

KILL, RAISE, HANG = "kill", "raise", "hang"
MODES = (KILL, RAISE, HANG)


#: Which channel a call is about, told by what it is a method of.
_CHANNELS: dict[str, Callable[..., str]] = {
    "DeliveryLog": lambda delivery_log, *_: delivery_log.channel,
    "SmtpChannel": lambda _, email: (
        REMINDER if email.message_key.endswith(f".{REMINDER}") else EMAIL
    ),
    "WebhookChannel": lambda *_: WEBHOOK,
    "RetryingConsumer": lambda consumer, *_: consumer.work.name.rpartition(".")[2],
    "GracefulQueueConsumer": lambda consumer, *_: (
        WEBHOOK if consumer.container.service_name == "webhook_service" else EMAIL
    ),
}


class InjectedFault(Exception):
    """What a process raises when it is told to fail."""


class FaultInjector:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._armed = directory / "armed"

    def install(self, service: str) -> None:
        """Wrap the methods that the points of this service are about."""
        if service == GATEWAY:
            stored = "clinic.outbox.pending_messages:PendingMessages.mark_stored"
            self._replace(stored, self._deadly)
        if service == WORKER:
            self._replace("booking_service.availability_check:AvailabilityCheck.run", self._unwell)
        for point in POINTS:
            if service in point.service:
                self._replace(point.method, functools.partial(self._mined, point))

    def _replace(self, path: str, wrap: Callable[[Callable[..., Any]], Any]) -> None:
        module, _, name = path.partition(":")
        owner_name, _, method = name.partition(".")
        owner = getattr(import_module(module), owner_name)
        setattr(owner, method, wrap(getattr(owner, method)))

    def _deadly(self, ready: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(ready)
        def die_or_go_on(*args: Any) -> None:
            if self._has(GATEWAY_HAS_DIED):
                os.kill(os.getpid(), signal.SIGKILL)
            ready(*args)

        return die_or_go_on

    def _unwell(self, run: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(run)
        def check(*args: Any) -> None:
            with (self._directory / "checks").open("a") as checks:
                checks.write(".")
            run(*args)
            if self._has(CHECK_FAILS):
                raise CheckUnavailable("told to fail")

        return check

    def _mined(self, point: Point, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def mined(*args: Any, **kwargs: Any) -> Any:
            is_meant = _is_meant(point, args)
            if is_meant and not point.is_after:
                self._step_on(point)
            result = method(*args, **kwargs)
            if is_meant and point.is_after and (result or not point.needs_result):
                self._step_on(point)
            return result

        return mined

    def _has(self, failure: str) -> bool:
        return (self._directory / failure).exists()

    def _step_on(self, point: Point) -> None:
        try:
            mode, _, name = self._armed.read_text().partition(" ")
            if name != point.name:
                return
            self._armed.rename(self._directory / f"fired.{os.getpid()}")
        except FileNotFoundError:
            return  # not armed, or another process was first
        self._go_off(mode, point)

    def _go_off(self, mode: str, point: Point) -> None:
        if mode == RAISE:
            raise (DeliveryOutcomeUnknown if point.is_uncertain else InjectedFault)(point.name)
        # A stopped process is continued by whoever armed the fault.
        os.kill(os.getpid(), signal.SIGKILL if mode == KILL else signal.SIGSTOP)


def _is_meant(point: Point, args: tuple[Any, ...]) -> bool:
    if not point.channel:
        return True
    owner, _, _ = point.method.partition(":")[2].partition(".")
    return _CHANNELS[owner](*args[:2]) == point.channel


def install(service: str) -> None:
    FaultInjector(Path(os.environ["FAULT_DIRECTORY"])).install(service)
