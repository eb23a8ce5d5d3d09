"""The least that Flask can do: what one process of Python could answer at best."""

from flask import Flask

from gateway.server.asgi_adapter import AsgiAdapter

app = Flask(__name__)


@app.get("/book")
def hello() -> str:
    return "hello"


front = AsgiAdapter(app, threads=128)
