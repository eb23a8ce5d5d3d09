"""Style and script of the pages. A name holds the hash of what is in the file, so that browsers may
keep it for ever and still get the new one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

assets = Blueprint("assets", __name__)

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


def _hashed(file: Path) -> str:
    return f"{file.stem}.{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}{file.suffix}"


_FILES = sorted((Path(__file__).parents[1] / "static").iterdir())
_NAMES = {file.name: _hashed(file) for file in _FILES}
_CONTENTS = {_NAMES[file.name]: file.read_bytes() for file in _FILES}


def asset(name: str) -> str:
    """Return the address of a file of `gateway/static`."""
    return f"/static/{_NAMES[name]}"


@assets.get("/static/<name>")
def read(name: str) -> Response:
    if name not in _CONTENTS:
        raise NotFound
    kind = _TYPES[Path(name).suffix]
    answer = Response(_CONTENTS[name], mimetype=kind)
    answer.headers["Cache-Control"] = _FOR_EVER
    return answer
