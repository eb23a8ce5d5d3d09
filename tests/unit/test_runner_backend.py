from __future__ import annotations

import pytest

from runner.backends import mongodb, rabbitmq
from runner.backends.external_backend import external
from runner.backends.ports import free_port
from runner.startup_error import StartupError


@pytest.mark.parametrize(
    ("variable", "scheme", "connect"),
    [("AMQP_URI", "amqp", rabbitmq.connect), ("MONGODB_URI", "mongodb", mongodb.ping)],
)
def test_a_server_nobody_answers_at_is_one_line_without_the_password(variable, scheme, connect):
    address = f"127.0.0.1:{free_port()}/x"
    uri = f"{scheme}://user:secret@{address}"

    def impatient(uri: str, _timeout_seconds: float) -> None:
        connect(uri, 0.3)

    with pytest.raises(StartupError, match=f"^{variable}: cannot connect to {address}: ") as caught:
        external(variable, uri, impatient)

    assert len(str(caught.value).splitlines()) == 1
    assert "refused" in str(caught.value).lower()
    assert "secret" not in str(caught.value)


def test_a_uri_that_is_none_is_one_line():
    with pytest.raises(StartupError, match=r"^MONGODB_URI: cannot connect to nonsense: "):
        external("MONGODB_URI", "nonsense", mongodb.ping)


def test_options_of_a_uri_are_not_shown():
    def refuse(_uri: str, _timeout_seconds: float) -> None:
        raise ConnectionRefusedError("refused")

    with pytest.raises(StartupError, match=r"^MONGODB_URI: cannot connect to h/db: refused$"):
        external("MONGODB_URI", "mongodb://u:p@h/db?tlsCertificateKeyFilePassword=x", refuse)


def test_each_node_of_a_list_is_shown_without_its_password():
    def refuse(_uri: str, _timeout_seconds: float) -> None:
        raise ConnectionRefusedError("refused")

    with pytest.raises(StartupError, match=r"^AMQP_URI: cannot connect to a:1/;b:2/: refused$"):
        external("AMQP_URI", "amqp://u:secret@a:1/;amqp://u:secret@b:2/", refuse)


def test_nothing_is_started_for_a_server_that_answers():
    backend = external("AMQP_URI", "amqp://elsewhere/", lambda *_: None)

    assert (backend.uri, backend.servers, backend.is_ready()) == ("amqp://elsewhere/", [], True)
