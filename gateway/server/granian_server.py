"""How granian serves the gateway. All limits on connections and request heads are here, so that
every way to start the gateway has the same ones."""

from __future__ import annotations

import resource

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

#: Connections that are open at once; those beyond wait in the kernel until others end.
MAX_CONNECTIONS = 4096
#: Files that the process needs beside its connections: database, broker, logs.
_OTHER_FILES = 256
#: The request line and all header fields of one request; a longer head is answered with 431.
MAX_HEAD_BYTES = 16 * 1024
#: How long a client may take to send a head, and how long a connection may be idle between two
#: requests. A proxy must give up its idle connections to the gateway sooner than that.
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
        log_level=LogLevels.error,  # at a higher level it says where it listens, as the runner does
    ).serve()


def connection_limit() -> int:
    """Raise the soft limit of open files as far as is needed, and return what it leaves for
    connections: without files to open, granian would try to accept in a busy loop."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wanted = soft
    return max(wanted - _OTHER_FILES, 1)
