"""What `python -m gateway` serves: the application behind its ASGI adapter."""

from gateway.front import Front
from gateway.wsgi import app as application

#: Requests at once. Those beyond wait, before anything that has a deadline is begun for them.
FIBERS = THREADS = 128

app = Front(application, FIBERS, THREADS)
