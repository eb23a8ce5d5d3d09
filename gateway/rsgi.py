"""The process's entry: `granian --interface rsgi gateway.rsgi:app`."""

from gateway.front import Front
from gateway.wsgi import app as application

#: Requests at once that may block: pages, lists, and what asks the services.
THREADS = 128

app = Front(application, THREADS)
