"""The least that Flask can do: what one process of Python could answer at best."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    return "hello"
