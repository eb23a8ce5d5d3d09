"""Invalid input to the gateway returns a problem, stores nothing and causes no server error."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database
from werkzeug.test import TestResponse

from clinic import config
from clinic.bookings.bootstrap import create_repository
from gateway.app import create_app
from gateway.server.request_body import MAX_BODY_BYTES
from gateway.settings import GatewaySettings
from tests.conftest import UNLIMITED
from tests.rpc import NO_SERVICE

EXAMPLE = {
    "patientName": "Juan Pérez",
    "patientEmail": "juan@example.com",
    "date": "2023-12-01T10:00:00Z",
}
JSON = "application/json"
PROBLEM_FIELDS = {"type", "title", "status", "code"}

# The examples share a database and a client: none depends on what another has stored.
MANY_EXAMPLES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def client(database: Database[Any], mongodb_uri: str) -> FlaskClient:
    read = config.settings(
        {
            "AMQP_URI": "amqp://guest:guest@127.0.0.1:1/",
            "MONGODB_CONNECTION_URL": mongodb_uri,
            **UNLIMITED,
        }
    )
    return create_app(
        *create_repository(database, read), GatewaySettings(), NO_SERVICE, NO_SERVICE
    ).test_client()


def post(
    client: FlaskClient, data: bytes, content_type: str | None = "application/json"
) -> TestResponse:
    return client.post("/book", data=data, content_type=content_type)


def with_(**fields: Any) -> bytes:
    return json.dumps(EXAMPLE | fields).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in EXAMPLE.items() if key != name}).encode()


def raw(**literals: bytes) -> bytes:
    """The example with some values replaced by raw JSON text."""
    members = {name: json.dumps(value).encode() for name, value in EXAMPLE.items()} | literals
    return (
        b"{"
        + b",".join(b'"%s":%s' % (key.encode(), value) for key, value in members.items())
        + b"}"
    )


def count_stored(database: Database[Any]) -> int:
    return int(database["bookings"].count_documents({}))


def assert_problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    assert response.mimetype == "application/problem+json"
    body: dict[str, Any] = json.loads(response.data)
    assert set(body) >= PROBLEM_FIELDS
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    return body


MALFORMED = {
    "no body": b"",
    "spaces": b"  \n ",
    "not JSON": b"patientName=Juan",
    "unfinished": b'{"patientName": "Juan',
    "single quotes": b"{'patientName': 'Juan'}",
    "two values": with_() + with_(),
    "10 kB of open brackets": b"[" * 10_240,
    "10 kB of nested arrays": b"[" * 5_120 + b"]" * 5_120,
    "10 kB of nested objects": b'{"a":' * 2_048,
    "nested in a field": raw(patientName=b"[" * 5_000 + b"]" * 5_000),
    "NaN": raw(date=b"NaN"),
    "Infinity": raw(date=b"Infinity"),
    "-Infinity": b"-Infinity",
    "a number that is infinite": raw(date=b"1e999"),
    "5000 digits": raw(date=b"1" * 5_000),
    "duplicate keys": b'{"patientName":"A","patientName":"A"}',
    "duplicate keys inside": raw(patientName=b'{"a":1,"a":2}'),
    "invalid UTF-8": raw(patientName=b'"Jos\xe9"'),
    "overlong UTF-8": raw(patientName=b'"\xc0\xaf"'),
    "UTF-16": with_().decode().encode("utf-16"),
    "UTF-32": with_().decode().encode("utf-32"),
    "two BOMs": b"\xef\xbb\xbf" * 2 + with_(),
    "raw surrogate": raw(patientName=b'"\xed\xa0\x80"'),
    "escaped surrogate in the name": raw(patientName=b'"Ana \\ud800"'),
    "escaped surrogate in the address": raw(patientEmail=b'"a\\udfff@example.com"'),
    "escaped surrogate in the date": raw(date=b'"\\ud800"'),
    "escaped surrogate in a key": b'{"\\ud800":1}',
    "raw line end in a text": raw(patientName=b'"Ana\nBcc: x"'),
    "NUL": b"\0",
    "gzip": b"\x1f\x8b\x08\x00",
}

TOP_LEVEL: list[Any] = [None, True, False, 0, 1.5, "text", [], [EXAMPLE], [[]]]

WRONG_TYPES = [None, True, False, 0, 7, -1.5, 10**300, [], ["x"], {}, {"$ne": None}, {"$gt": ""}]

WRONG_VALUES = {
    "patientName": [
        "",
        " ",
        "\t\r\n",
        "\u00a0",
        "x" * 201,
        "x" * 10_240,
        "é" * 2_500,
        "Ana\r\nBcc: all@example.com",
        "Ana\nMaría",
        "Ana\rMaría",
        "Ana\0",
        "\x1b[31mAna",
        "Ana\x7f",
        "An\u202ea",
        "\u200d\u3164",
        "Gana en evil.example",
        "Ana\u2028María",
    ],
    "patientEmail": [
        "",
        "juan",
        "juan@",
        "juan@localhost",
        "juan@example.com,ana@example.com",
        "juan@example.com, ana@example.com",
        "juan@example.com;ana@example.com",
        "juan@example.com ana@example.com",
        "Juan <juan@example.com>",
        "all: juan@example.com, ana@example.com;",
        "juan@example.com\r\nBcc: all@example.com",
        "josé@example.com",
        "juan\0@example.com",
        f"{'x' * 300}@example.com",
        f"juan@{'x' * 10_000}.com",
    ],
    "date": [
        "",
        "tomorrow",
        "2026-12-01",
        "2026-12-01T10:00:00",
        "2026-12-01 10:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-12-01T24:00:00Z",
        "2026-12-31T23:59:60Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "2026-12-01T10:00:00+99:99",
        "٢٠٢٦-12-01T10:00:00Z",
        "1" * 10_000,
    ],
}


@pytest.mark.parametrize(
    ("language", "detail"),
    [("es", "no puede contener direcciones web"), ("en", "can't contain a web")],
)
def test_a_problem_has_error_codes_and_a_text_in_the_clients_language(
    client: FlaskClient, language: str, detail: str
) -> None:
    data = with_(patientName="Gana en evil.example", patientEmail="a@b", date="x")
    response = client.post(
        "/book", data=data, headers={"Accept-Language": language}, content_type=JSON
    )
    body = assert_problem(response, 400, "invalid_request")
    assert body["errorCodes"] == {
        "patientName": ["name_link"],
        "patientEmail": ["email_domain"],
        "date": ["invalid"],
    }
    assert detail in body["detail"]
    assert "evil" not in response.text


UNKNOWN = ["status", "id", "manageToken", "patient_name", "$ne", "$where", "a.b", "__proto__", ""]


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_json_body_is_rejected(
    client: FlaskClient, database: Database[Any], data: bytes
) -> None:
    assert_problem(post(client, data), 400, "malformed_json")
    assert count_stored(database) == 0


@pytest.mark.parametrize("value", TOP_LEVEL, ids=lambda value: repr(value)[:12])
def test_a_json_body_that_is_not_an_object_is_rejected(
    client: FlaskClient, database: Database[Any], value: Any
) -> None:
    body = assert_problem(post(client, json.dumps(value).encode()), 400, "invalid_request")
    assert body["errors"] == {"_schema": ["must be a JSON object"]}
    assert count_stored(database) == 0


@pytest.mark.parametrize("field", EXAMPLE)
@pytest.mark.parametrize("value", WRONG_TYPES, ids=lambda value: repr(value)[:12])
def test_a_field_of_the_wrong_type_is_rejected(
    client: FlaskClient, database: Database[Any], field: str, value: Any
) -> None:
    body = assert_problem(post(client, with_(**{field: value})), 400, "invalid_request")
    assert list(body["errors"]) == [field]
    assert count_stored(database) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(field, value, id=f"{field} {ascii(value)[:30]}")
        for field, values in WRONG_VALUES.items()
        for value in values
    ],
)
def test_an_invalid_value_is_rejected_naming_its_field(
    client: FlaskClient, database: Database[Any], field: str, value: str
) -> None:
    body = assert_problem(post(client, with_(**{field: value})), 400, "invalid_request")
    assert list(body["errors"]) == [field]
    assert count_stored(database) == 0


@pytest.mark.parametrize("field", EXAMPLE)
def test_a_missing_field_is_rejected(
    client: FlaskClient, database: Database[Any], field: str
) -> None:
    body = assert_problem(post(client, without(field)), 400, "invalid_request")
    assert list(body["errors"]) == [field]
    assert count_stored(database) == 0


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_field_is_rejected(
    client: FlaskClient, database: Database[Any], name: str
) -> None:
    body = assert_problem(post(client, with_(**{name: "x"})), 400, "invalid_request")
    assert list(body["errors"]) == [name]
    assert count_stored(database) == 0


def test_an_empty_object_is_rejected_naming_every_missing_field(client: FlaskClient) -> None:
    body = assert_problem(post(client, b"{}"), 400, "invalid_request")
    assert set(body["errors"]) == set(EXAMPLE)


def test_a_problem_does_not_echo_the_input(client: FlaskClient) -> None:
    data = with_(patientName="s3cr3t\n", patientEmail="s3cr3t", date="s3cr3t")
    assert b"s3cr3t" not in post(client, data).data


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
        "application/jsonx",
        "json",
        "\xff",
    ],
    ids=ascii,
)
def test_an_unsupported_content_type_is_rejected(
    client: FlaskClient, database: Database[Any], content_type: str | None
) -> None:
    assert_problem(post(client, with_(), content_type), 415, "unsupported_media_type")
    assert count_stored(database) == 0


def test_a_form_body_is_rejected(client: FlaskClient, database: Database[Any]) -> None:
    assert_problem(client.post("/book", data=EXAMPLE), 415, "unsupported_media_type")
    assert count_stored(database) == 0


def padded(size: int) -> bytes:
    return with_().ljust(size)


def test_a_bom_before_the_body_is_ignored(client: FlaskClient) -> None:
    assert post(client, b"\xef\xbb\xbf" + with_()).status_code == 201


def test_a_body_of_exactly_the_size_limit_is_accepted(client: FlaskClient) -> None:
    assert post(client, padded(MAX_BODY_BYTES)).status_code == 201


def test_a_body_over_the_size_limit_is_rejected(
    client: FlaskClient, database: Database[Any]
) -> None:
    response = post(client, padded(MAX_BODY_BYTES + 1))
    assert_problem(response, 413, "request_entity_too_large")
    assert count_stored(database) == 0


def chunked(client: FlaskClient, data: bytes) -> TestResponse:
    """Post a body of unknown length, as the server passes on a chunked request."""
    return client.post(
        "/book",
        input_stream=io.BytesIO(data),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )


def test_a_chunked_body_is_accepted(client: FlaskClient) -> None:
    assert chunked(client, with_()).status_code == 201


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 10 * MAX_BODY_BYTES])
def test_a_chunked_body_over_the_size_limit_is_rejected(
    client: FlaskClient, database: Database[Any], size: int
) -> None:
    assert_problem(chunked(client, padded(size)), 413, "request_entity_too_large")
    assert count_stored(database) == 0


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "99999999999999999999", "10"])
def test_a_wrong_content_length_causes_no_server_error(client: FlaskClient, length: str) -> None:
    response = client.post(
        "/book",
        input_stream=io.BytesIO(with_()),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": length},
    )
    assert_client_error(response)


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*EXAMPLE, *EXAMPLE.values(), "$ne", "$where"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*EXAMPLE, "$ne", "x"]) | st.text(max_size=5), inner, max_size=5
        )
    ),
    max_leaves=12,
)
BODIES = st.fixed_dictionaries({}, optional=dict.fromkeys(EXAMPLE, JSON_VALUES)) | JSON_VALUES


@MANY_EXAMPLES
@given(value=BODIES)
def test_any_json_is_accepted_or_rejected(client: FlaskClient, value: Any) -> None:
    response = post(client, json.dumps(value).encode())
    assert response.status_code in (201, 400, 413)


@MANY_EXAMPLES
@given(field=st.sampled_from(sorted(EXAMPLE)), text=st.text())
def test_any_text_in_a_field_is_accepted_or_rejected(
    client: FlaskClient, field: str, text: str
) -> None:
    response = post(client, with_(**{field: text}))
    assert response.status_code in (201, 400)
    if response.status_code == 201:
        booking = response.get_json()["booking"]
        key = {"Authorization": f"Bearer {booking['manageToken']}"}
        read = client.get(response.headers["Location"], headers=key).get_json()
        assert read[field] == booking[field]


@MANY_EXAMPLES
@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_rejected(client: FlaskClient, data: bytes) -> None:
    assert_client_error(post(client, data))


@MANY_EXAMPLES
@given(cut=st.integers(0, len(with_()) - 1), noise=st.binary(max_size=4))
def test_a_corrupted_request_causes_no_server_error(
    client: FlaskClient, cut: int, noise: bytes
) -> None:
    data = with_()
    response = post(client, data[:cut] + noise + data[cut + len(noise) :])
    assert response.status_code in (201, 400)


@MANY_EXAMPLES
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.lists(
        st.sampled_from(["book", "booking", "bookings", "health"]) | st.text(min_size=1), max_size=3
    ),
    query=st.dictionaries(st.sampled_from(["limit", "after", "status", "from", "x"]), st.text()),
)
def test_an_arbitrary_path_and_query_cause_no_server_error(
    client: FlaskClient, method: str, path: list[str], query: dict[str, str]
) -> None:
    response = client.open(
        "/" + "/".join(quote(part, safe="") for part in path), method=method, query_string=query
    )
    assert response.status_code < 500


@MANY_EXAMPLES
@given(
    name=st.sampled_from(
        ["Accept-Language", "Authorization", "Idempotency-Key", "If-None-Match", "Content-Type"]
    ),
    value=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40),
)
def test_an_arbitrary_header_value_causes_no_server_error(
    client: FlaskClient, name: str, value: str
) -> None:
    response = client.post(
        "/book", data=with_(), headers={"Content-Type": "application/json", name: value}
    )
    assert response.status_code in (201, 400, 415, 422)
    assert client.get("/bookings/", headers={name: value}).status_code == 200


def assert_client_error(response: TestResponse) -> None:
    assert 400 <= response.status_code < 500
    assert response.mimetype == "application/problem+json"
    assert set(json.loads(response.data)) >= PROBLEM_FIELDS
