"""Spares a database that does not answer, and those who would wait for it."""

from __future__ import annotations

import time

from flask import Flask, Response, g, request

from clinic.errors import DatabaseUnavailable, ServiceUnavailable

#: Answers that no request gets before the database has had its say.
_FROM_THE_DATABASE = frozenset({200, 201, 303, 304, 403, 404, 409, 422})

#: How long a failure is taken to last, and the pause between two requests that look again.
PAUSE_SECONDS = 1.0


class CircuitBreaker:
    """Refuses requests after the database has failed one, but for one a second.

    Without it a frozen database would hold every place in the server for its whole timeout, and
    nothing could be answered any more, not even whether the process lives.
    """

    def __init__(self) -> None:
        self._is_open = False
        self._next_try = 0.0

    def refuse(self) -> None:
        """Raises: DatabaseUnavailable."""
        if not self._is_open:
            return
        if time.monotonic() < self._next_try:
            raise DatabaseUnavailable("it has failed another request")
        self._next_try = time.monotonic() + PAUSE_SECONDS  # this request looks, others don't wait

    def observe(self, answer: Response) -> None:
        if _is_from_the_database(answer):
            self._is_open = False
        elif not self._is_open and _is_failed_by_the_database(answer):
            self._is_open = True
            self._next_try = time.monotonic() + PAUSE_SECONDS


class CircuitBreakers:
    """The breakers of an application: each blueprint has the one of its group, or none."""

    def __init__(self, app: Flask) -> None:
        self._by_blueprint: dict[str | None, CircuitBreaker] = {}
        app.before_request(self._refuse)
        app.after_request(self._observe)

    def watch(self, *blueprints: str) -> None:
        """Have these refused together."""
        self._by_blueprint |= dict.fromkeys(blueprints, CircuitBreaker())

    def _refuse(self) -> None:
        if breaker := self._by_blueprint.get(request.blueprint):
            breaker.refuse()

    def _observe(self, answer: Response) -> Response:
        if breaker := self._by_blueprint.get(request.blueprint):
            breaker.observe(answer)
        return answer


def _is_from_the_database(answer: Response) -> bool:
    """A booking service that is away is asked only after the database was: it has answered.

    Else changes that nobody can make would keep the breaker open, and bookings out.
    """
    is_asked_next = g.get("refused_for") == ServiceUnavailable.code
    return answer.status_code in _FROM_THE_DATABASE or is_asked_next


def _is_failed_by_the_database(answer: Response) -> bool:
    """Too many waiting messages are a 503 as well, and so is a booking service that is away:
    no reasons to refuse readers."""
    return answer.status_code == 503 and g.get("refused_for") == DatabaseUnavailable.code
