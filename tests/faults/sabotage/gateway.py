"""The gateway, with traps: `granian --interface wsgi tests.faults.sabotage.gateway:app`."""

from tests.faults.sabotage.trap import install

install("gateway")

from gateway.wsgi import app  # noqa: E402 - its relay starts with the import

__all__ = ["app"]
