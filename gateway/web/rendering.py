"""Renders pages: templates, language, and a policy against third-party content."""

from __future__ import annotations

from threading import Lock
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.dates import format_date
from flask import Response, current_app, request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from werkzeug.exceptions import HTTPException

from clinic.catalogue.cache import CatalogueCache
from clinic.contracts.date_format import format_clock_time, format_day, zone_city
from clinic.domain.clock import to_wire
from clinic.domain.reasons import LANGUAGES
from gateway.http.requests import language as preferred_language
from gateway.http.secure_requests import host_cookie, is_secure
from gateway.locale.messages import translations
from gateway.settings import Hours
from gateway.web.static_files import asset


def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("gateway"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.globals["asset"] = asset
    # The extension adds the method, so type checkers don't know it.
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        translations(language), newstyle=True
    )
    return environment


_TEMPLATES = {language: _environment(language) for language in LANGUAGES}

#: Pages render one at a time; the GIL allows no more anyway. Without the lock, a booking waits for
#: all renderings each time it needs the GIL: with 128 visitors its median was 292 ms, now 33.
_RENDERING = Lock()

_COOKIE = "lang"
_YEAR_SECONDS = 365 * 24 * 3600
_POLICY = "; ".join(
    ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]
    + [f"{directive} 'self'" for directive in ("style-src", "script-src", "img-src", "connect-src")]
    + ["form-action 'self'"]
)


def page_language() -> str:
    """Return the language of the URL, else of the cookie, else of the browser."""
    chosen = (request.args.get("lang"), request.cookies.get(host_cookie(_COOKIE)))
    return next((code for code in chosen if code in LANGUAGES), None) or preferred_language()


def _clinic_name() -> str:
    """Return the name of the clinic's profile, or "". Error pages must not wait for a database."""
    catalogues: CatalogueCache = current_app.config["CATALOGUES"]
    return catalogues.last().profile.name


def hours() -> Hours:
    configured: Hours = current_app.config["HOURS"]
    return configured


def page(
    template: str,
    status: int = 200,
    *,
    zone: ZoneInfo | None = None,
    language: str | None = None,
    **context: Any,
) -> Response:
    """Render a page, with times in a zone, by default the clinic's, and in a language, by default
    that of the visitor."""
    language, zone = language or page_language(), zone or hours().zone
    with _RENDERING:
        body = (
            _TEMPLATES[language]
            .get_template(template)
            .render(
                language=language,
                clinic_name=_clinic_name(),
                translation=_translation(language),
                city=zone_city(zone, language),
                zone=zone,
                wire=to_wire,
                date_of=lambda moment: moment.astimezone(zone).date(),
                day_of=lambda moment: format_day(moment.astimezone(zone).date(), language),
                full_day=lambda day: format_day(day, language),
                short_day=lambda day, form: format_date(day, form, locale=language),
                time_of=lambda moment: format_clock_time(moment, language, zone),
                **context,
            )
        )
    response = Response(body, status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = _POLICY
    _remember_language(response)
    return response


def _remember_language(response: Response) -> None:
    chosen = request.args.get("lang")
    if chosen in LANGUAGES:
        response.set_cookie(
            host_cookie(_COOKIE),
            chosen,
            max_age=_YEAR_SECONDS,
            secure=is_secure(),
            httponly=True,
            samesite="Lax",
        )


def _translation(language: str) -> dict[str, str]:
    """Return the address of this page in the other language."""
    other = next(code for code in LANGUAGES if code != language)
    parameters = request.args.to_dict() | {"lang": other}
    return {"language": other, "url": f"{_page_path()}?{urlencode(parameters)}"}


def _page_path() -> str:
    """Return the path of this page; after a POST, that of the page with the form, which is the
    nearest one above."""
    path = request.path.removesuffix("/cancel").removesuffix("/calendar.ics")
    if request.method == "POST":
        while path.count("/") > 1 and not _is_page(path):
            path = path.rpartition("/")[0]
    return path


def _is_page(path: str) -> bool:
    addresses = current_app.create_url_adapter(request)
    if addresses is None:
        return False
    try:
        # Staff pages have a route for unknown addresses.
        return "unknown" not in addresses.match(path, "GET")[1]
    except HTTPException:
        return False
