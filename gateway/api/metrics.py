"""`GET /metrics` for Prometheus: metrics of this process and of the outbox."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Flask, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from clinic.errors import DatabaseUnavailable
from clinic.outbox.outbox import Outbox
from gateway.auth.staff_access import require_staff

metrics = Blueprint("metrics", __name__)


class OutboxCollector(Collector):
    """Queries the database for the outbox backlog, only during a scrape."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            backlog, oldest = self._outbox.relays.count_pending()
        except DatabaseUnavailable:
            return  # Prometheus convention: omit a value that is unknown
        yield GaugeMetricFamily("clinic_outbox_backlog", "Messages not yet sent.", value=backlog)
        yield GaugeMetricFamily(
            "clinic_outbox_oldest_seconds", "Age of the oldest message not yet sent.", value=oldest
        )


def register(app: Flask, outbox: Outbox) -> None:
    app.config["OUTBOX_METRICS"] = CollectorRegistry()
    app.config["OUTBOX_METRICS"].register(OutboxCollector(outbox))
    app.register_blueprint(metrics)


@metrics.get("/metrics")
def read() -> Response:
    require_staff()
    text = generate_latest(REGISTRY) + generate_latest(current_app.config["OUTBOX_METRICS"])
    return Response(text, content_type=CONTENT_TYPE_LATEST)
