"""Liveness and readiness checks."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from clinic.errors import DatabaseUnavailable
from gateway.http.responses import json_response

health = Blueprint("health", __name__, url_prefix="/health")


@health.get("/live")
def live() -> Response:
    return json_response({"status": "live"})


@health.get("/ready")
def ready() -> Response:
    """Check the database only: the gateway accepts bookings without the broker."""
    broker = "up" if current_app.config["RELAY"].is_broker_up else "down"
    try:
        current_app.config["BOOKINGS"].ping()
    except DatabaseUnavailable:
        return json_response({"status": "unready", "database": "down", "broker": broker}, 503)
    return json_response({"status": "ready", "database": "up", "broker": broker})
