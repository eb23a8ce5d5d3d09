"""The message catalogues have every message that is used, in each language, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from clinic.contracts import schemas
from clinic.contracts.field_errors import FIELD_ERROR_CODES
from clinic.contracts.message_catalogue import load_catalogue, reason_text
from clinic.contracts.values import email_address, person_name, phone_number
from clinic.domain import reasons
from clinic.domain.booking import Status
from clinic.domain.catalogue import ScheduleKind
from clinic.domain.reasons import LANGUAGES
from gateway.locale.messages import field_texts, translate, translations
from gateway.staff_pages.dead_letter_pages import ERROR_CODES
from notification_service.delivery_log import ChannelName, State

ROOT = Path(__file__).parents[2]
PACKAGES = ("clinic", "gateway")
#: A message id that is put together where it is used: `"status_" ~ each.status`.
PUT_TOGETHER = re.compile(r'"(\w+_)" ~|f"(\w+_)\{')
#: The other part of such an id in front of what is put together.
SUFFIXES = ("_text", "_wrong")
_FIELD_ERROR = re.compile(r'"((?:name|email|phone|contact)_[a-z_]+)"')
PLACEHOLDER = re.compile(r"%\(\w+\)s")


def read(package: str, language: str) -> Catalog:
    with (ROOT / package / "locale" / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def messages(package: str, language: str) -> dict[str, Message]:
    return {identifier(each): each for each in read(package, language) if each.id}


def identifier(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def sources() -> str:
    files = [*(ROOT / "gateway").rglob("*.py"), *(ROOT / "gateway" / "templates").rglob("*.html")]
    return "\n".join(file.read_text("utf-8") for file in files)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_catalogues_have_the_same_messages_in_the_same_order(package: str) -> None:
    first, *others = (list(messages(package, language)) for language in LANGUAGES)
    assert all(first == other for other in others)


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_message_has_a_text_without_markup(package: str, language: str) -> None:
    for message in messages(package, language).values():
        assert all(text.strip() and not set(text) & set('<>&"') for text in texts(message))


@pytest.mark.parametrize("package", PACKAGES)
def test_the_languages_have_the_same_placeholders(package: str) -> None:
    spanish, english = messages(package, "es"), messages(package, "en")
    for key, message in spanish.items():
        found = {
            frozenset(PLACEHOLDER.findall(text))
            for each in (message, english[key])
            for text in texts(each)
        }
        assert len(found) == 1, key


def test_templates_use_no_message_that_is_missing() -> None:
    used = re.findall(r'(?:\b_|ngettext)\("(\w+)"[,)]', sources())
    assert len(used) > 200
    assert set(used) <= set(messages("gateway", "en"))


def test_no_message_is_unused() -> None:
    source = sources()
    literals = set(re.findall(r'"([\w.]+)"', source)) | {
        *FIELD_ERROR_CODES,
        *ERROR_CODES,
        *(each.value for kind in (Status, ChannelName, State, ScheduleKind) for each in kind),
        *problem_codes(),
        "booking_requests",
        "notification_service.email",
        "notification_service.webhook",
        "booking_worker",
    }
    prefixes = {"".join(groups) for groups in PUT_TOGETHER.findall(source)} - {""}

    def is_used(key: str) -> bool:
        stems = {key} | {key.removesuffix(suffix) for suffix in SUFFIXES}
        rests = {
            stem.removeprefix(prefix)
            for stem in stems
            for prefix in prefixes
            if stem.startswith(prefix)
        }
        return bool((stems | rests) & literals)

    assert [key for key in messages("gateway", "en") if not is_used(key)] == []


@pytest.mark.parametrize(
    "key",
    [
        *(f"{prefix}{each.value}" for each in Status for prefix in ("", "step_", "status_")),
        *(f"kind_{each.value}" for each in ScheduleKind),
        *(f"channel_{each.value}" for each in ChannelName),
        *(f"delivery_{each.value}" for each in State),
        *(f"{prefix}{each}" for each in ERROR_CODES for prefix in ("error_code_", "advice_")),
        *FIELD_ERROR_CODES,
    ],
)
def test_each_code_has_a_message(key: str) -> None:
    assert key in messages("gateway", "en")


def problem_codes() -> set[str]:
    """The codes in the sources: the last argument of each problem."""
    folder = ROOT / "clinic" / "catalogue"
    source = "".join((folder / f"{name}.py").read_text("utf-8") for name in ("validation", "store"))
    codes = set(re.findall(r'Problem\((?:[^()]|\([^()]*\))*, "([a-z_]+)"\s*\)', source))
    return codes | {f"no_{kind.value}" for kind in ScheduleKind}


def test_each_problem_of_a_whole_catalogue_has_a_message() -> None:
    prefix = "problem_"
    known = {each.removeprefix(prefix) for each in messages("gateway", "en") if prefix in each}
    assert problem_codes() <= known


def test_each_reason_has_a_message() -> None:
    assert tuple(messages("clinic", "en")) == reasons.CODES


def test_the_list_of_field_errors_is_complete() -> None:
    modules = (email_address, person_name, phone_number, schemas)
    sources = (Path(module.__file__).read_text("utf-8") for module in modules)
    codes = {code for each in sources for code in re.findall(_FIELD_ERROR, each)}
    assert codes == set(FIELD_ERROR_CODES)


@pytest.mark.parametrize(
    ("language", "count", "text"),
    [("en", 1, "1 free"), ("en", 3, "3 free"), ("es", 1, "1 libre"), ("es", 3, "3 libres")],
)
def test_counted_things_have_plural_forms(language: str, count: int, text: str) -> None:
    message = translations(language).ngettext("free_slots", "free_slots", count)
    assert message % {"count": count} == text


def test_an_unknown_message_is_an_error() -> None:
    with pytest.raises(KeyError):
        translate("no_such_message", "en")
    with pytest.raises(KeyError):
        load_catalogue("gateway", "es").ngettext("no_such", "no_such", 2)


def test_field_errors_are_explained_once_and_in_order() -> None:
    codes = ["name_link", "invalid", "email_no_at", "name_link"]
    assert field_texts(codes, "en") == [translate(each, "en") for each in (codes[0], codes[2])]


def test_a_language_without_a_catalogue_is_explained_in_spanish() -> None:
    assert reason_text("past", "fr") == reason_text("past", "es")
