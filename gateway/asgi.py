"""The ASGI application that `python -m gateway` serves by default."""

from gateway.server.asgi_adapter import AsgiAdapter
from gateway.wsgi import app as application

#: Requests handled at the same time; further requests wait for a thread.
THREADS = 128

app = AsgiAdapter(application, THREADS)
