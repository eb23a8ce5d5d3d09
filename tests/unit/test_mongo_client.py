from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WTimeoutError,
)
from pymongo.uri_parser import parse_uri

from clinic.errors import DatabaseUnavailable
from clinic.mongo.client import DATABASE_NAME, database_errors, durable_uri

PLAIN = "mongodb://localhost:27017/clinic"


def options(uri: str) -> dict[str, Any]:
    return {name.lower(): value for name, value in parse_uri(durable_uri(uri))["options"].items()}


@pytest.mark.parametrize(
    "uri",
    [
        PLAIN,
        "mongodb://localhost",
        "mongodb://localhost/",
        "mongodb://localhost?w=0",
        f"{PLAIN}?w=1&journal=false&tz_aware=false",
        f"{PLAIN}?W=0&JOURNAL=false&TZ_AWARE=false",
        f"{PLAIN}?replicaSet=rs0&w=1",
    ],
)
def test_writes_are_durable_and_times_aware_whatever_the_url_says(uri: str) -> None:
    found = options(uri)
    assert (found["w"], found["journal"], found["tz_aware"]) == ("majority", True, True)


def test_a_client_made_of_it_writes_durably_and_reads_aware_times() -> None:
    with MongoClient[dict[str, Any]](durable_uri(f"{PLAIN}?w=0&j=false"), connect=False) as client:
        assert client.write_concern.document == {"w": "majority", "j": True}
        assert client.codec_options.tz_aware


@pytest.mark.parametrize(
    ("name", "milliseconds"),
    [
        ("serverSelectionTimeoutMS", 2000),
        ("connectTimeoutMS", 2000),
        ("socketTimeoutMS", 2500),
        ("waitQueueTimeoutMS", 2000),
    ],
)
def test_no_wait_is_unbounded(name: str, milliseconds: int) -> None:
    assert options(PLAIN)[name.lower()] == milliseconds / 1000


@pytest.mark.parametrize(
    "name",
    [
        "serverSelectionTimeoutMS",
        "connectTimeoutMS",
        "socketTimeoutMS",
        "waitQueueTimeoutMS",
        "SERVERSELECTIONTIMEOUTMS",
    ],
)
def test_a_wait_that_the_url_sets_is_kept(name: str) -> None:
    assert options(f"{PLAIN}?{name}=123")[name.lower()] == 0.123
    assert durable_uri(f"{PLAIN}?{name}=123").lower().count(name.lower()) == 1


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("maxPoolSize=7", "maxpoolsize", 7),
        ("authSource=admin", "authsource", "admin"),
        ("replicaSet=rs0", "replicaset", "rs0"),
        ("tls=true", "tls", True),
        ("appName=a%26b", "appname", "a&b"),
        ("readConcernLevel=majority", "readconcernlevel", "majority"),
    ],
)
def test_other_options_are_kept(option: str, name: str, value: Any) -> None:
    assert options(f"{PLAIN}?{option}&w=1")[name] == value


@pytest.mark.parametrize(
    ("uri", "hosts"),
    [
        ("mongodb://one/clinic", [("one", 27017)]),
        ("mongodb://one:1,two:2,three/clinic", [("one", 1), ("two", 2), ("three", 27017)]),
        ("mongodb://one:1,two:2/?replicaSet=rs0", [("one", 1), ("two", 2)]),
        ("mongodb://[::1]:27018/clinic", [("::1", 27018)]),
        ("mongodb://u:p@one,two/clinic", [("one", 27017), ("two", 27017)]),
    ],
)
def test_all_hosts_are_kept(uri: str, hosts: list[tuple[str, int]]) -> None:
    assert parse_uri(durable_uri(uri))["nodelist"] == hosts


@pytest.mark.parametrize(
    ("userinfo", "username", "password"),
    [
        ("clinic:secret", "clinic", "secret"),
        ("clinic:0123", "clinic", "0123"),
        ("clinic:p%40ss%3A%2F%3F%23%25", "clinic", "p@ss:/?#%"),
        ("cl%C3%ADnica:x", "clínica", "x"),
    ],
)
def test_credentials_are_kept(userinfo: str, username: str, password: str) -> None:
    parsed = parse_uri(durable_uri(f"mongodb://{userinfo}@one,two/clinic?authSource=admin"))
    assert (parsed["username"], parsed["password"]) == (username, password)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("mongodb://localhost/hospital", "hospital"),
        ("mongodb://localhost/", None),
        ("mongodb://localhost", None),
        ("mongodb://localhost/hospital?w=1", "hospital"),
    ],
)
def test_the_database_is_kept(uri: str, name: str | None) -> None:
    assert parse_uri(durable_uri(uri))["database"] == name
    with MongoClient[dict[str, Any]](durable_uri(uri), connect=False) as client:
        assert client.get_default_database(DATABASE_NAME).name == (name or "clinic")


@pytest.mark.parametrize("uri", [PLAIN, f"{PLAIN}?w=0&socketTimeoutMS=9", "mongodb://one,two"])
def test_completing_twice_changes_nothing(uri: str) -> None:
    once = durable_uri(uri)
    assert parse_uri(durable_uri(once)) == parse_uri(once)
    assert durable_uri(once).count("w=majority") == 1


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("gone"),
        ConnectionFailure("gone"),
        ServerSelectionTimeoutError("gone"),
        NetworkTimeout("gone"),
        NotPrimaryError("gone"),
        WaitQueueTimeoutError("gone"),
        ExecutionTimeout("late"),
        WTimeoutError("late"),
        OperationFailure("step down", 91, {"errorLabels": ["RetryableWriteError"]}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_unreachable_database_is_reported_as_such(error: Exception) -> None:
    with pytest.raises(DatabaseUnavailable) as caught, database_errors():
        raise error
    assert str(caught.value) == type(error).__name__


@pytest.mark.parametrize("code", [13, 18, 8000, 14031, 11600, 11601, 11602, 91, 189])
def test_a_refusal_that_is_no_fault_of_the_message_is_the_database_being_unavailable(
    code: int,
) -> None:
    with pytest.raises(DatabaseUnavailable), database_errors():
        raise OperationFailure("not now", code)


@pytest.mark.parametrize(
    "error",
    [OperationFailure("bad query", 2), ValueError("x")],
    ids=lambda each: type(each).__name__,
)
def test_a_programming_error_is_raised_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, database_errors():
        raise error
    assert caught.value is error
