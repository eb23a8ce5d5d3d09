"""What a call that succeeds answers."""

from __future__ import annotations

from flask import Response

from clinic import strict_json


def json_answer(body: object, status: int = 200, **headers: str) -> Response:
    return Response(strict_json.dumps(body), status, headers, mimetype="application/json")
