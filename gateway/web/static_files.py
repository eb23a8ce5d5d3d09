"""Style sheets and scripts. Each name contains a hash of the content, so that browsers may cache
the file for ever."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

assets = Blueprint("assets", __name__)

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_IMMUTABLE = "public, max-age=31536000, immutable"


def _hashed(file: Path) -> str:
    return f"{file.stem}.{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}{file.suffix}"


_FILES = sorted((Path(__file__).parents[1] / "static").iterdir())
_NAMES = {file.name: _hashed(file) for file in _FILES}
_CONTENTS = {_NAMES[file.name]: file.read_bytes() for file in _FILES}


def asset(name: str) -> str:
    """Return the URL path of a file of `gateway/static`."""
    return f"/static/{_NAMES[name]}"


@assets.get("/static/<name>")
def read(name: str) -> Response:
    if name not in _CONTENTS:
        raise NotFound
    media_type = _TYPES[Path(name).suffix]
    response = Response(_CONTENTS[name], mimetype=media_type)
    response.headers["Cache-Control"] = _IMMUTABLE
    return response
