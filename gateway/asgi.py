"""What `python -m gateway` serves: the application behind its ASGI adapter."""

from gateway.server.asgi_adapter import AsgiAdapter
from gateway.wsgi import app as application

#: Requests at once; those beyond wait for a thread.
THREADS = 128

app = AsgiAdapter(application, THREADS)
