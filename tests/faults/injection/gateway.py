"""The gateway with fault injection.

`python -m gateway tests.faults.injection.gateway:app`
"""

from tests.faults.injection.injector import install

install("gateway")

from gateway.asgi import app  # noqa: E402 - its relay starts with the import

__all__ = ["app"]
