"""The least that Flask can do as a fiber: what one process of Python could answer at best."""

from flask import Flask

from gateway.front import Front

app = Flask(__name__)


@app.get("/book")
def hello() -> str:
    return "hello"


front = Front(app, fibers=128, threads=1)
