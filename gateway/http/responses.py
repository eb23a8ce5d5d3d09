"""Successful JSON responses."""

from __future__ import annotations

from flask import Response

from clinic.contracts import strict_json


def json_response(body: object, status: int = 200, **headers: str) -> Response:
    return Response(strict_json.dumps(body), status, headers, mimetype="application/json")
