"""Renders staff pages, with navigation and confirmations."""

from __future__ import annotations

from typing import Any

from flask import Response, get_flashed_messages
from flask_wtf.csrf import generate_csrf

from gateway.auth.staff_sessions import is_signed_in
from gateway.web.rendering import page


def staff_page(template: str, status: int = 200, **context: Any) -> Response:
    return page(
        f"staff/{template}",
        status,
        csrf_token=generate_csrf,
        is_signed_in=is_signed_in(),
        done=get_flashed_messages,
        **context,
    )
