"""View models of the page at `/docs`."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

from gateway.openapi.components import PATIENT, STAFF

Node = Mapping[str, Any]

#: The shell variable for the credential of each scheme.
_VARIABLES = {PATIENT: "$MANAGE_TOKEN", STAFF: "$STAFF_API_KEY"}


@dataclass(frozen=True, slots=True)
class Content:
    media_type: str
    schema: Node
    example: str | None
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Response:
    status: str
    description: str
    headers: Mapping[str, Node]
    content: Content | None


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    method: str
    path: str
    summary: str
    description: str
    credentials: tuple[str, ...]
    parameters: tuple[Node, ...]
    body: Content | None
    responses: tuple[Response, ...]
    curl: str


class Reader:
    """Reads the operations of a document and resolves their references."""

    def __init__(self, document: Node) -> None:
        self._document = document

    def calls(self, tag: str) -> Iterator[Call]:
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if tag in operation["tags"]:
                    yield self._call(method.upper(), path, operation)

    def _call(self, method: str, path: str, operation: Node) -> Call:
        parameters = tuple(self._resolve(node) for node in operation["parameters"])
        body = self._content(operation.get("requestBody", {}))
        schemes = [name for alternative in operation["security"] for name in alternative]
        return Call(
            id=operation["operationId"],
            method=method,
            path=path,
            summary=operation["summary"],
            description=operation.get("description", ""),
            credentials=tuple(self._credential(name) for name in schemes),
            parameters=parameters,
            body=body,
            responses=tuple(self._responses(operation)),
            curl=_curl(method, _with_examples(path, parameters), schemes, body),
        )

    def _responses(self, operation: Node) -> Iterator[Response]:
        for status, reference in sorted(operation["responses"].items()):
            response = self._resolve(reference)
            headers = {name: self._resolve(node) for name, node in response["headers"].items()}
            yield Response(status, response["description"], headers, self._content(response))

    def _content(self, holder: Node) -> Content | None:
        for media_type, content in holder.get("content", {}).items():
            example = content.get("example")
            text = json.dumps(example, indent=2, ensure_ascii=False) if example else None
            return Content(media_type, content["schema"], text, _codes(content["schema"]))
        return None

    def _credential(self, scheme: str) -> str:
        schemes = self._document["components"]["securitySchemes"]
        return str(schemes[scheme]["description"])

    def _resolve(self, node: Node) -> Node:
        while "$ref" in node:
            node = self._follow(node["$ref"])
        return node

    def _follow(self, reference: str) -> Node:
        node: Node = self._document
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]
        return node


def marked(text: str) -> Markup:
    """Render text between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _codes(schema: Node) -> tuple[str, ...]:
    """Return the codes that an error response allows."""
    codes: list[str] = []
    for part in schema.get("allOf", ()):
        codes += part.get("properties", {}).get("code", {}).get("enum", ())
    return tuple(codes)


def _with_examples(path: str, parameters: tuple[Node, ...]) -> str:
    """Return the path and query with example values of the required parameters."""
    required = [node for node in parameters if node.get("required")]
    for node in required:
        path = path.replace(f"{{{node['name']}}}", str(node.get("example")))
    query = {node["name"]: node.get("example") for node in required if node["in"] == "query"}
    return f"{path}?{urlencode(query)}" if query else path


def _curl(method: str, path: str, schemes: list[str], body: Content | None) -> str:
    parts = ["curl -s"]
    if method != "GET":
        parts.append(f"-X {method}")
    parts.append(f'"$CLINIC{path}"')
    if schemes:
        parts.append(f'-H "Authorization: Bearer {_VARIABLES[schemes[0]]}"')
    if body and body.example:
        compact = json.dumps(json.loads(body.example), ensure_ascii=False)
        parts.append(f"-H 'Content-Type: {body.media_type}' -d {shlex.quote(compact)}")
    return " ".join(parts)
