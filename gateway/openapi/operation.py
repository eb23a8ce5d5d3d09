"""One call of the gateway: what it takes and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from marshmallow import Schema

from gateway.openapi.error_responses import ErrorResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One that is no refusal. `schema` is one of marshmallow or JSON Schema; without one its JSON
    is any object."""

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
    """`parameters` are names of components. `access` names the schemes of which any opens it; the
    refusal 401 comes by itself. With `is_public` it is open without any, too."""

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
    answers: tuple[Response, ...]
    refusals: tuple[ErrorResponse, ...] = ()
    access: tuple[str, ...] = ()
    is_public: bool = False
