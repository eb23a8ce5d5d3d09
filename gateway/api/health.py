"""Says whether the process lives, and whether it can take bookings."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from clinic.contracts import strict_json
from clinic.errors import DatabaseUnavailable

health = Blueprint("health", __name__, url_prefix="/health")


@health.get("/live")
def live() -> Response:
    return _answer({"status": "live"})


@health.get("/ready")
def ready() -> Response:
    """Needs the database only: bookings are accepted while the broker is away."""
    broker = "up" if current_app.config["RELAY"].is_broker_up else "down"
    try:
        current_app.config["BOOKINGS"].ping()
    except DatabaseUnavailable:
        return _answer({"status": "unready", "database": "down", "broker": broker}, 503)
    return _answer({"status": "ready", "database": "up", "broker": broker})


def _answer(body: dict[str, str], status: int = 200) -> Response:
    return Response(strict_json.dumps(body), status, mimetype="application/json")
