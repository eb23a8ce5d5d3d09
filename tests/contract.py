"""Validates responses of the gateway against its OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request

from gateway.http.redirects import is_api
from gateway.openapi.document import document

Call = tuple[str, str]

#: The blueprints of what people read in a browser, which is no part of the contract with programs.
PAGES = frozenset({"welcome", "asking", "appointment", "moving", "assets"})


def routes(app: Flask) -> set[Call]:
    """Method and path of all routes, as the document writes them down: HEAD goes with GET."""
    return {
        (method, nameless(rule.rule))
        for rule in app.url_map.iter_rules()
        if not is_page(rule) and rule.endpoint.rpartition(".")[2] != "static"
        for method in (rule.methods or set()) - {"HEAD"}
    }


def is_page(rule: Rule) -> bool:
    blueprint = rule.endpoint.partition(".")[0]
    return blueprint in PAGES or blueprint.startswith("staff_")


def is_for_people(answer: TestResponse) -> bool:
    """Whether that answers a path that is not there with a page, or leads to one that is."""
    is_page_of_none = answer.mimetype == "text/html" and not is_api(answer.request.path)
    return answer.status_code == 308 or is_page_of_none


def nameless(path: str) -> str:
    """A path of Flask or OpenAPI, without the names of its parameters."""
    return re.sub(r"<[^>]*>|\{[^}]*\}", "{}", path)


class Contract:
    def __init__(self, *, is_list_restricted: bool) -> None:
        self.document = document(is_list_restricted=is_list_restricted)

    def operations(self) -> Iterator[tuple[Call, dict[str, Any]]]:
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield (method.upper(), nameless(path)), operation

    def check(self, rule: Rule | None, method: str, answer: TestResponse) -> None:
        """Raises: AssertionError or jsonschema.ValidationError."""
        response = self._resolve(self._response(rule, method, answer.status_code))
        self._check_headers(response, answer)
        content = response.get("content", {})
        if not content:
            assert answer.data == b""
            return
        assert answer.mimetype in content, f"{answer.mimetype} is not in the document"
        if method != "HEAD" and answer.mimetype.endswith("json"):
            self.validator(content[answer.mimetype]["schema"]).validate(json.loads(answer.data))

    def validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        # References start at the root, so the document comes along.
        whole = schema | {"components": self.document["components"]}
        return Draft202012Validator(whole, format_checker=FormatChecker())

    def _response(self, rule: Rule | None, method: str, status: int) -> dict[str, Any]:
        outside = {404: "NoSuchPath", 405: "WrongMethod"} if rule is None else {}
        if status in outside or status == 500:
            name = outside.get(status, "OurFault")
            return {"$ref": f"#/components/responses/{name}"}
        assert rule is not None, f"{status} from a path that is not there"
        call = ("GET" if method == "HEAD" else method, nameless(rule.rule))
        responses: dict[str, Any] = dict(self.operations())[call]["responses"]
        assert str(status) in responses, f"{call} has answered {status}: not in the document"
        found: dict[str, Any] = responses[str(status)]
        return found

    def _check_headers(self, response: dict[str, Any], answer: TestResponse) -> None:
        for name, each in response["headers"].items():
            header = self._resolve(each)
            if name in answer.headers:
                self.validator(header["schema"]).validate(answer.headers[name])
            else:
                assert not header["required"], f"{name} is missing"

    def _resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in node:
            return node
        _, _, kind, name = node["$ref"].split("/")
        found: dict[str, Any] = self.document["components"][kind][name]
        return found


#: By whether the list requires a staff key.
CONTRACTS = {each: Contract(is_list_restricted=each) for each in (False, True)}


class CheckingClient(FlaskClient):
    """Flask's test client; an answer that is not as documented is an error."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        answer = super().open(*args, **kwargs)
        method = answer.request.method
        is_list_restricted = self.application.config["IS_LIST_RESTRICTED"]
        rule = self._rule(answer.request, method)
        if not (is_page(rule) if rule else is_for_people(answer)):
            CONTRACTS[is_list_restricted].check(rule, method, answer)
        return answer

    def _rule(self, request: Request, method: str) -> Rule | None:
        routes = self.application.url_map.bind_to_environ(request.environ)
        try:
            return routes.match(request.path, method, return_rule=True)[0]
        except HTTPException:
            return None
