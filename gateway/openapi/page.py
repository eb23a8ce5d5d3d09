"""What the page at `/docs` shows of the document."""

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

#: Where the reader keeps a credential of each kind.
_VARIABLES = {PATIENT: "$MANAGE_TOKEN", STAFF: "$STAFF_API_KEY"}


@dataclass(frozen=True, slots=True)
class Content:
    media_type: str
    schema: Node
    example: str | None
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
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
    answers: tuple[Answer, ...]
    curl: str


class Reader:
    """Reads a document whose operations have tags, and references to components."""

    def __init__(self, document: Node) -> None:
        self._document = document

    def calls(self, tag: str) -> Iterator[Call]:
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if tag in operation["tags"]:
                    yield self._call(method.upper(), path, operation)

    def _call(self, method: str, path: str, operation: Node) -> Call:
        parameters = tuple(self._resolve(each) for each in operation["parameters"])
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
            answers=tuple(self._answers(operation)),
            curl=_curl(method, _with_examples(path, parameters), schemes, body),
        )

    def _answers(self, operation: Node) -> Iterator[Answer]:
        for status, each in sorted(operation["responses"].items()):
            response = self._resolve(each)
            headers = {name: self._resolve(it) for name, it in response["headers"].items()}
            yield Answer(status, response["description"], headers, self._content(response))

    def _content(self, holder: Node) -> Content | None:
        for media_type, content in holder.get("content", {}).items():
            example = content.get("example")
            text = json.dumps(example, indent=2, ensure_ascii=False) if example else None
            return Content(media_type, content["schema"], text, _codes(content["schema"]))
        return None

    def _credential(self, scheme: str) -> str:
        described: str = self._document["components"]["securitySchemes"][scheme]["description"]
        return described

    def _resolve(self, node: Node) -> Node:
        while "$ref" in node:
            node = self._follow(node["$ref"])
        return node

    def _follow(self, reference: str) -> Node:
        found: Node = self._document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return found


def marked(text: str) -> Markup:
    """Show what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _codes(schema: Node) -> tuple[str, ...]:
    """The codes to which a refusal narrows the schema of all problems."""
    found: list[str] = []
    for part in schema.get("allOf", ()):
        found += part.get("properties", {}).get("code", {}).get("enum", ())
    return tuple(found)


def _with_examples(path: str, parameters: tuple[Node, ...]) -> str:
    """The path with what it must have, and the query with what it must have."""
    needed = [each for each in parameters if each.get("required")]
    for each in needed:
        path = path.replace(f"{{{each['name']}}}", str(each.get("example")))
    query = {each["name"]: each.get("example") for each in needed if each["in"] == "query"}
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
