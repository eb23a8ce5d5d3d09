"""Writes the OpenAPI document of the table of operations."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import chain
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields

from clinic.contracts.bookings_query import Cursor
from clinic.contracts.email_address import MAX_EMAIL
from clinic.contracts.person_name import MAX_NAME
from clinic.contracts.schemas import Day, EmailAddress, Instant, PersonName
from gateway.openapi.components import HEADERS, PARAMETERS, SCHEMES
from gateway.openapi.error_responses import ERROR_RESPONSES, UNAUTHORIZED, ErrorResponse
from gateway.openapi.operation import Operation, Response
from gateway.openapi.operations import TAGS, operations
from gateway.openapi.response_schemas import ProblemSchema

VERSION = "0.1.0"  #: that of pyproject.toml, which the image has not

_DESCRIPTION = """\
Takes appointment requests, decides each one some seconds later, and tells the patient by e-mail.

Every refusal is `application/problem+json` (RFC 9457) with a stable `code`. An unknown path is
refused with 404, and a wrong method with 405 and the right ones in `Allow`. HEAD answers as GET
does, without the body. Dates are RFC 3339, and UTC with `Z` in answers.
"""

#: What JSON Schema can say of the fields of the house; they check more than that.
_KEYWORDS: dict[type[fields.Field[Any]], dict[str, Any]] = {
    PersonName: {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
    EmailAddress: {"type": "string", "format": "email", "maxLength": MAX_EMAIL},
    Instant: {"type": "string", "format": "date-time"},
    Day: {"type": "string", "format": "date"},
    Cursor: {"type": "string", "minLength": 1},
}


class _Converter(OpenAPIConverter):
    def field2property(self, field: fields.Field[Any]) -> dict[str, Any]:
        return _KEYWORDS.get(type(field), {}) | super().field2property(field)


class _Plugin(MarshmallowPlugin):
    Converter = _Converter


@cache
def document(*, is_list_restricted: bool) -> dict[str, Any]:
    """Build the document once for each kind of gateway: some list bookings for staff only."""
    spec = _specification()
    _add_components(spec)
    _add_refusals(spec)
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


def _add_refusals(spec: APISpec) -> None:
    spec.components.schema("Problem", schema=ProblemSchema)
    for refusal in ERROR_RESPONSES:
        spec.components.response(refusal.name, _refusal(refusal))


def _refusal(refusal: ErrorResponse) -> dict[str, Any]:
    narrowed = {
        "status": {"const": refusal.status.value},
        "code": {"enum": list(refusal.all_codes())},
    }
    schema = {"allOf": ["Problem", {"type": "object", "properties": narrowed}]}
    return {
        "description": refusal.description,
        "headers": _headers(refusal.headers),
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
    nobody: list[dict[str, list[str]]] = [{}] if operation.is_public else []
    return nobody + [{name: []} for name in operation.access]


def _responses(operation: Operation) -> dict[str, Any]:
    refused = chain([UNAUTHORIZED] if operation.access else [], operation.refusals)
    responses: dict[str, Any] = {
        str(each.status.value): _answer(each) for each in operation.answers
    }
    return responses | {str(each.status.value): each.name for each in refused}


def _answer(answer: Response) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": answer.description,
        "headers": _headers(answer.headers),
    }
    if answer.media_type:
        response["content"] = {answer.media_type: _content(answer)}
    if answer.links:
        response["links"] = dict(answer.links)
    return response


def _content(answer: Response) -> dict[str, Any]:
    if answer.schema is None:
        kind = "object" if answer.media_type == "application/json" else "string"
        return {"schema": {"type": kind}}
    one = dict(answer.schema) if isinstance(answer.schema, dict) else answer.schema
    schema = {"type": "array", "items": one} if answer.many else one
    return {"schema": schema, "example": answer.example}


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: name for name in ("X-Request-ID", *names)}
