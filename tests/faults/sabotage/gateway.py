"""The gateway, with traps: `python -m gateway tests.faults.sabotage.gateway:app`."""

from tests.faults.sabotage.trap import install

install("gateway")

from gateway.asgi import app  # noqa: E402 - its relay starts with the import

__all__ = ["app"]
