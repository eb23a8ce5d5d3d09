"""Builds the OpenAPI document from the table of operations."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import chain
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields

from clinic.catalogue.schema.catalogue_fields import CalendarDay, IntervalText, Moment, ZoneName
from clinic.contracts.bookings_query import Cursor
from clinic.contracts.values.email_address import MAX_EMAIL
from clinic.contracts.values.person_name import MAX_NAME
from clinic.contracts.values.request_fields import Day, EmailAddress, Instant, PersonName
from gateway.openapi.components import HEADERS, PARAMETERS, SCHEMES
from gateway.openapi.error_responses import ERROR_RESPONSES, UNAUTHORIZED, ErrorResponse
from gateway.openapi.operation import Operation, Response
from gateway.openapi.operations import TAGS, operations
from gateway.openapi.response_schemas import ProblemSchema

VERSION = "0.1.0"  #: as in pyproject.toml, which the image lacks

_DESCRIPTION = """\
Accepts appointment requests, decides them in the background and notifies patients by e-mail.

Every error is `application/problem+json` (RFC 9457) with a stable `code`. An unknown path gets 404.
An unsupported method gets 405, with the supported ones in `Allow`. HEAD is supported wherever GET
is. Dates are RFC 3339; responses use UTC with `Z`.
"""

#: JSON Schema of the custom fields, whose validation is stricter.
_KEYWORDS: dict[type[fields.Field[Any]], dict[str, Any]] = {
    PersonName: {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
    EmailAddress: {"type": "string", "format": "email", "maxLength": MAX_EMAIL},
    Instant: {"type": "string", "format": "date-time"},
    Day: {"type": "string", "format": "date"},
    Cursor: {"type": "string", "minLength": 1},
    CalendarDay: {"type": "string", "format": "date"},
    Moment: {"type": "string", "format": "date-time"},
    IntervalText: {"type": "string"},
    ZoneName: {"type": "string"},
}


class _Converter(OpenAPIConverter):
    def field2property(self, field: fields.Field[Any]) -> dict[str, Any]:
        keywords = _KEYWORDS.get(type(field), {})
        if keywords and field.allow_none:
            keywords = keywords | {"type": [keywords["type"], "null"]}
        return keywords | super().field2property(field)


class _Plugin(MarshmallowPlugin):
    Converter = _Converter


@cache
def document(*, is_list_restricted: bool) -> dict[str, Any]:
    """Return the document, built once per setting. A restricted list is for staff only."""
    spec = _specification()
    _add_components(spec)
    _add_error_responses(spec)
    for operation in operations(is_list_restricted=is_list_restricted):
        _add_schemes(spec, operation.access)
        spec.path(operation.path, operations={operation.method.lower(): _call(operation)})
    built: dict[str, Any] = spec.to_dict()
    return built


def _specification() -> APISpec:
    return APISpec(
        title="Clinic booking",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[_Plugin()],
        info={"description": _DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
        servers=[{"url": "/", "description": "The gateway that serves this document"}],
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )


def _add_components(spec: APISpec) -> None:
    for name, header in HEADERS.items():
        spec.components.header(name, header)
    for name, parameter in PARAMETERS.items():
        spec.components.parameter(name, parameter["in"], parameter)


def _add_schemes(spec: APISpec, names: Iterable[str]) -> None:
    for name in names:
        if name not in spec.components.security_schemes:
            spec.components.security_scheme(name, SCHEMES[name])


def _add_error_responses(spec: APISpec) -> None:
    spec.components.schema("Problem", schema=ProblemSchema)
    for error in ERROR_RESPONSES:
        spec.components.response(error.name, _error_response(error))


def _error_response(error: ErrorResponse) -> dict[str, Any]:
    properties = {
        "status": {"const": error.status.value},
        "code": {"enum": list(error.all_codes())},
    }
    schema = {"allOf": ["Problem", {"type": "object", "properties": properties}]}
    return {
        "description": error.description,
        "headers": _headers(error.headers),
        "content": {"application/problem+json": {"schema": schema}},
    }


def _call(operation: Operation) -> dict[str, Any]:
    call: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": _parameters(operation),
        "responses": _responses(operation),
        "security": _security(operation),
    }
    if operation.description:
        call["description"] = operation.description
    if operation.body:
        content = {"schema": operation.body, "example": operation.example}
        call["requestBody"] = {"required": True, "content": {"application/json": content}}
    return call


def _parameters(operation: Operation) -> list[Any]:
    query = [{"in": "query", "schema": operation.query}] if operation.query else []
    return [*operation.parameters, "RequestId", *query]


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    anonymous: list[dict[str, list[str]]] = [{}] if operation.is_public else []
    return anonymous + [{name: []} for name in operation.access]


def _responses(operation: Operation) -> dict[str, Any]:
    errors = chain([UNAUTHORIZED] if operation.access else [], operation.errors)
    responses: dict[str, Any] = {
        str(response.status.value): _response(response) for response in operation.responses
    }
    return responses | {str(error.status.value): error.name for error in errors}


def _response(response: Response) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": response.description,
        "headers": _headers(response.headers),
    }
    if response.media_type:
        described["content"] = {response.media_type: _content(response)}
    if response.links:
        described["links"] = dict(response.links)
    return described


def _content(response: Response) -> dict[str, Any]:
    if response.schema is None:
        json_type = "object" if response.media_type == "application/json" else "string"
        return {"schema": {"type": json_type}}
    item = dict(response.schema) if isinstance(response.schema, dict) else response.schema
    schema = {"type": "array", "items": item} if response.many else item
    return {"schema": schema, "example": response.example}


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: name for name in ("X-Request-ID", *names)}
