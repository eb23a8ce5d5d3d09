"""Components of the document: headers, parameters and security schemes."""

from __future__ import annotations

from typing import Any

from gateway.http.requests import IDEMPOTENCY_KEY

EXAMPLE_ID = "0b6f3a52-9d0e-4f0b-8b1a-2f1f6a0e7c11"

#: By component name, in the form of `APISpec.components.parameter`.
PARAMETERS: dict[str, dict[str, Any]] = {
    "BookingId": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The id of the booking.",
        "schema": {"type": "string", "format": "uuid"},
        "example": EXAMPLE_ID,
    },
    "ItemId": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The id of the item.",
        "schema": {"type": "string", "pattern": "^[a-z0-9-]{1,24}$"},
        "example": "centro",
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Chosen by the client. A repeated key with the same content returns the"
        " first booking and its token. A key of fewer than 16 characters expires after 10"
        " minutes. A rejected request does not use up its key.",
        "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
    },
    "AcceptLanguage": {
        "name": "Accept-Language",
        "in": "header",
        "description": "Selects `es` (default) or `en` for `reasonText` and for e-mails.",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "A known ETag. The response is 304 without a body while it is current.",
        "schema": {"type": "string"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The ETag of the version to replace or delete. Without it an item can only"
        " be created.",
        "schema": {"type": "string"},
    },
    "RequestId": {
        "name": "X-Request-ID",
        "in": "header",
        "description": "1 to 64 of `A-Z a-z 0-9 . _ -`. Appears in the logs of all services. The"
        " gateway replaces an invalid value.",
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
        "The id of the request, received or generated.", pattern=r"^[A-Za-z0-9._-]{1,64}$"
    ),
    "Location": _header("The path of the new booking or item.", format="uri-reference"),
    "ETag": _header("Identifies this version of the response."),
    "Cache-Control": _header("How long the response may be cached."),
    "Link": _header(
        'The next page, as `<path>; rel="next"`; absent on the last page.', required=False
    ),
    "Allow": _header("The methods that the path supports."),
    "Retry-After": _header("Seconds to wait before a retry.", pattern=r"^\d+$"),
    "WWW-Authenticate": _header("`Bearer`."),
}

PATIENT = "manageToken"
STAFF = "staffKey"

SCHEMES: dict[str, dict[str, Any]] = {
    PATIENT: {
        "type": "http",
        "scheme": "bearer",
        "description": "The `manageToken` of the booking, or the code of the link in an e-mail.",
    },
    STAFF: {
        "type": "http",
        "scheme": "bearer",
        "description": "A staff key.",
    },
}
