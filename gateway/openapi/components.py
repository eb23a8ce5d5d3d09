"""The headers, parameters and credentials that operations name."""

from __future__ import annotations

from typing import Any

from gateway.http.requests import IDEMPOTENCY_KEY

EXAMPLE_ID = "0b6f3a52-9d0e-4f0b-8b1a-2f1f6a0e7c11"

#: By the name of the component, as `APISpec.components.parameter` takes them.
PARAMETERS: dict[str, dict[str, Any]] = {
    "BookingId": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The id of the booking.",
        "schema": {"type": "string", "format": "uuid"},
        "example": EXAMPLE_ID,
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Chosen by the client. The same key with the same content, however it"
        " is written, answers with the first booking and its token; a key of fewer than 16"
        " characters does so for 10 minutes. A refused request leaves its key free.",
        "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
    },
    "AcceptLanguage": {
        "name": "Accept-Language",
        "in": "header",
        "description": "Picks `es` (default) or `en` for the reason's text and the letters.",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "A known ETag: answers 304 without a body while it holds.",
        "schema": {"type": "string"},
    },
    "RequestId": {
        "name": "X-Request-ID",
        "in": "header",
        "description": "1 to 64 of `A-Z a-z 0-9 . _ -`, found again in the logs of all services."
        " Anything else is replaced.",
        "schema": {"type": "string"},
    },
}


def _header(description: str, *, required: bool = True, **schema: Any) -> dict[str, Any]:
    return {
        "description": description,
        "required": required,
        "schema": {"type": "string"} | schema,
    }


HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": _header(
        "The name of the request, given or made up.", pattern=r"^[A-Za-z0-9._-]{1,64}$"
    ),
    "Location": _header("The path of the booking.", format="uri-reference"),
    "ETag": _header("Changes with what is answered."),
    "Cache-Control": _header("How long it may be kept."),
    "Link": _header(
        'The next page, as `<path>; rel="next"`; not there on the last one.', required=False
    ),
    "Allow": _header("The methods of the path."),
    "Retry-After": _header("Seconds to wait before the next try.", pattern=r"^\d+$"),
    "WWW-Authenticate": _header("`Bearer`."),
}

PATIENT = "manageToken"
STAFF = "staffKey"

SCHEMES: dict[str, dict[str, Any]] = {
    PATIENT: {
        "type": "http",
        "scheme": "bearer",
        "description": "The `manageToken` of the booking, or the code of its link in an e-mail.",
    },
    STAFF: {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of the clinic's staff.",
    },
}
