"""What every page has: a language, words, a policy that lets nothing foreign in."""

from __future__ import annotations

from threading import Lock
from typing import Any
from urllib.parse import urlencode

from babel.dates import format_date
from flask import Response, current_app, request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

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
    # Added by the extension, so no type checker knows it.
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        translations(language), newstyle=True
    )
    return environment


_TEMPLATES = {language: _environment(language) for language in LANGUAGES}

#: Pages are rendered one at a time. Python runs one of them at a time anyway, and a booking that
#: needs the interpreter several times would wait behind all of them each time: beside 128 visitors
#: it took 292 ms in the median, and takes 33 ms with this lock.
_RENDERING = Lock()

_COOKIE = "lang"
_YEAR_SECONDS = 365 * 24 * 3600
_POLICY = "; ".join(
    ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]
    + [f"{each} 'self'" for each in ("style-src", "script-src", "img-src", "connect-src")]
    + ["form-action 'self'"]
)


def page_language() -> str:
    """Pick what was asked for here, else what was asked for before, else what the browser says."""
    chosen = (request.args.get("lang"), request.cookies.get(host_cookie(_COOKIE)))
    return next((each for each in chosen if each in LANGUAGES), None) or preferred_language()


def hours() -> Hours:
    found: Hours = current_app.config["HOURS"]
    return found


def page(template: str, status: int = 200, **context: Any) -> Response:
    language, zone = page_language(), hours().zone
    with _RENDERING:
        body = (
            _TEMPLATES[language]
            .get_template(template)
            .render(
                language=language,
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
    answer = Response(body, status, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = _POLICY
    _remember_language(answer)
    return answer


def _remember_language(answer: Response) -> None:
    chosen = request.args.get("lang")
    if chosen in LANGUAGES:
        answer.set_cookie(
            host_cookie(_COOKIE),
            chosen,
            max_age=_YEAR_SECONDS,
            secure=is_secure(),
            httponly=True,
            samesite="Lax",
        )


def _translation(language: str) -> dict[str, str]:
    """Where the same page is in the other language. What was sent by POST is only shown anew."""
    other = next(each for each in LANGUAGES if each != language)
    parameters = request.args.to_dict() | {"lang": other}
    path = request.path.removesuffix("/cancel").removesuffix("/calendar.ics")
    if request.method == "POST":
        path = path.removesuffix("/replay").removesuffix("/drop")
    return {"language": other, "url": f"{path}?{urlencode(parameters)}"}
