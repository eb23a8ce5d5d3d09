"""What a call that succeeds answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response
from werkzeug.datastructures import Headers

from clinic.contracts import strict_json

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class _JsonAnswer(Response):
    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """Leave alone what is complete: werkzeug would look for a length, and mend a Location."""
        return self.headers if self.status_code == 201 else super().get_wsgi_headers(environ)


def json_response(body: object, status: int = 200, **headers: str) -> Response:
    return _JsonAnswer(strict_json.dumps(body), status, headers, mimetype="application/json")
