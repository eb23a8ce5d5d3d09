"""What `python -m gateway` serves: the application behind its ASGI adapter."""

from gateway.server.asgi_adapter import AsgiAdapter
from gateway.wsgi import app as application

#: Requests at once. Those beyond wait, before anything that has a deadline is begun for them.
FIBERS = THREADS = 128

app = AsgiAdapter(application, FIBERS, THREADS)
