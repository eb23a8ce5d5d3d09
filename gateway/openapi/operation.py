"""One operation of the API: its parameters, body and responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from marshmallow import Schema

from gateway.openapi.error_responses import ErrorResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response without an error. `schema` is a marshmallow or JSON Schema; None allows any JSON
    object."""

    status: HTTPStatus = HTTPStatus.OK
    description: str
    schema: type[Schema] | dict[str, Any] | None = None
    many: bool = False
    media_type: str | None = "application/json"
    example: Any = None
    headers: tuple[str, ...] = ()
    links: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`parameters` are component names. `access` lists alternative security schemes and implies
    the error 401. `is_public` allows access without credentials too."""

    name: str
    method: str
    path: str
    tag: str
    summary: str
    description: str = ""
    parameters: tuple[str, ...] = ()
    query: type[Schema] | None = None
    body: type[Schema] | None = None
    example: Any = None
    responses: tuple[Response, ...]
    errors: tuple[ErrorResponse, ...] = ()
    access: tuple[str, ...] = ()
    is_public: bool = False
