"""Preconditions (RFC 9110, section 13): no change overwrites another that it has not seen."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import PreconditionRequired

from clinic.errors import VersionMismatch


def require_preconditions(current: int | None) -> None:
    """Check If-Match and If-None-Match against the version of the resource; None if there is none.

    Raises: VersionMismatch; PreconditionRequired for a change of a resource without If-Match.
    """
    if current is not None and request.if_none_match.contains_weak(str(current)):
        raise VersionMismatch("the item exists")
    if "If-Match" in request.headers:
        if current is None or not request.if_match.contains(str(current)):
            raise VersionMismatch("the item has another version")
    elif current is not None:
        raise PreconditionRequired
