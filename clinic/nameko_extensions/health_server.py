"""Serves metrics and health of a nameko service over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import eventlet
import eventlet.wsgi
from eventlet.greenthread import GreenThread
from nameko.containers import WorkerContext
from nameko.extensions import DependencyProvider
from prometheus_client import make_wsgi_app

from clinic.contracts import strict_json
from clinic.nameko_extensions.queue_consumer import GracefulQueueConsumer

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class HealthServer(DependencyProvider):
    """Serves /metrics and /health/ready on `MONITOR: {host, port}`; port 0 disables it.

    A service is ready while it consumes. A database outage does not make it unready, because its
    messages are retried and a restart would not help; the metrics show it.
    """

    queue_consumer = GracefulQueueConsumer()
    _server: GreenThread | None = None

    def start(self) -> None:
        address = self.container.config.get("MONITOR") or {}
        if not address.get("port"):
            return
        # With reuse_port, two services on one port would each receive some of the scrapes.
        listener = eventlet.listen((address["host"], address["port"]), reuse_port=False)
        self._server = self.container.spawn_managed_thread(
            lambda: self._serve(listener), identifier="monitor"
        )

    def stop(self) -> None:
        if self._server:
            self._server.kill()

    def get_dependency(self, worker_ctx: WorkerContext) -> None:
        return None

    def _serve(self, listener: Any) -> None:
        metrics: WsgiApp = make_wsgi_app()

        def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/metrics":
                return metrics(environ, start_response)
            return self._health(environ, start_response)

        eventlet.wsgi.server(listener, app, log_output=False)

    def _health(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/health/ready":
            start_response("404 Not Found", [])
            return []
        ready = self.queue_consumer.is_consuming
        status = "200 OK" if ready else "503 Service Unavailable"
        start_response(status, [("Content-Type", "application/json")])
        return [strict_json.dumps({"status": "ready" if ready else "unready"})]
