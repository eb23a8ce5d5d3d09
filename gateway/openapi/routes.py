"""Serves the document and the page, publicly and cacheable."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, current_app, render_template, request
from markupsafe import Markup

from clinic.contracts import strict_json
from gateway.openapi.document import document
from gateway.openapi.page import Reader, marked

documents = Blueprint("documents", __name__, template_folder="templates")

_CACHED = {"Cache-Control": "public, max-age=300"}

_STYLE = Path(__file__).with_name("templates").joinpath("docs.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

#: The page has an inline style and loads nothing.
_POLICY = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}


@documents.get("/openapi.json")
def read_document() -> Response:
    body = _document(is_list_restricted=_is_list_restricted())
    return _conditional(Response(body, headers=_CACHED, mimetype="application/json"))


@documents.get("/docs")
def read_page() -> Response:
    body = _page(is_list_restricted=_is_list_restricted())
    return _conditional(Response(body, headers=_CACHED | _POLICY, mimetype="text/html"))


def _is_list_restricted() -> bool:
    return bool(current_app.config["IS_LIST_RESTRICTED"])


def _conditional(response: Response) -> Response:
    response.add_etag()
    response.make_conditional(request)
    return response


@cache
def _document(*, is_list_restricted: bool) -> bytes:
    return strict_json.dumps(document(is_list_restricted=is_list_restricted))


@cache
def _page(*, is_list_restricted: bool) -> str:
    content = document(is_list_restricted=is_list_restricted)
    style = Markup(_STYLE)  # noqa: S704 - trusted: our own file
    return render_template(
        "docs.html", document=content, reader=Reader(content), marked=marked, style=style
    )
