"""The gateway, with traps: `granian --interface rsgi tests.faults.sabotage.gateway:app`."""

from tests.faults.sabotage.trap import install

install("gateway")

from gateway.rsgi import app  # noqa: E402 - its relay starts with the import

__all__ = ["app"]
