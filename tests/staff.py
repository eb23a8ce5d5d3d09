"""A signed-in member of the staff, without a browser."""

from __future__ import annotations

import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

KEY = "the-key-of-the-staff"


class Staff:
    """Opens pages and sends their forms, each with the token of the page that it is on."""

    def __init__(self, client: FlaskClient, language: str = "en") -> None:
        self._client = client
        self.app = client.application
        self._headers = {"Accept-Language": language}
        self.get("/staff/login")
        assert self.post("/staff/login", key=KEY).status_code == 303

    def get(self, path: str, **query: str) -> TestResponse:
        answer = self._client.get(path, query_string=query, headers=self._headers)
        found = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
        self._token = found.group(1) if found else ""
        return answer

    def post(self, path: str, **fields: Any) -> TestResponse:
        sent = {"csrf_token": self._token} | fields
        return self._client.post(path, data=sent, headers=self._headers)

    def submit(self, path: str, **fields: Any) -> str:
        """Send a form; return what the page says to which it leads."""
        answer = self.post(path, **fields)
        assert answer.status_code == 303, answer.text
        return said(self.get(answer.location))


def said(answer: TestResponse) -> str:
    """Return what was just done, as the page tells it."""
    found = re.search(r'class="done"[^>]*>(.*?)</div>', answer.text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found.group(1)).split()) if found else ""
