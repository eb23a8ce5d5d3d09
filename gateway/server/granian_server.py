"""Runs granian. All limits on connections and request heads are here, so that they apply however
the gateway is started."""

from __future__ import annotations

import resource

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

#: Concurrent connections; further ones wait in the kernel until others close.
MAX_CONNECTIONS = 4096
#: Open files that the process needs besides connections: database, broker, logs.
_OTHER_FILES = 256
#: Request line and header fields of one request; a longer head gets 431.
MAX_HEAD_BYTES = 16 * 1024
#: Timeout for receiving a request head, and for idle connections. A proxy must close its idle
#: connections to the gateway sooner.
HEAD_SECONDS = 5


def serve(application: str, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, in one worker process."""
    Granian(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backpressure=connection_limit(),
        http1_settings=HTTP1Settings(
            header_read_timeout=HEAD_SECONDS * 1000, max_buffer_size=MAX_HEAD_BYTES
        ),
        log_level=LogLevels.error,  # hides its startup messages; the runner prints its own
    ).serve()


def connection_limit() -> int:
    """Raise the soft limit of open files if needed, and return what remains for connections.

    Without free file descriptors, granian would try to accept in a busy loop.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wanted = soft
    return max(wanted - _OTHER_FILES, 1)
