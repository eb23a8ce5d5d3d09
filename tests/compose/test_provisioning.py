"""Secrets, users and permissions created by `docker-compose up -d`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.compose.project import Project, inspect

pytestmark = pytest.mark.timeout(900)

SECRETS = {
    "gateway": {"amqp_uri", "mongodb_uri", "link_secret", "staff_api_key"},
    "booking_service": {"amqp_uri", "mongodb_uri"},
    "notification_service": {"amqp_uri", "mongodb_uri", "link_secret", "webhook_secret"},
}
#: Runs in a container and prints whether the broker allows an operation.
BROKER = """
import amqp, uuid
from pathlib import Path
from urllib.parse import urlsplit
uri = urlsplit(Path("/run/secrets/amqp_uri").read_text().strip())
connection = amqp.Connection(
    f"{uri.hostname}:{uri.port}", userid=uri.username, password=uri.password, confirm_publish=True
)
connection.connect()
channel = connection.channel()
try:
    OPERATION
except amqp.exceptions.AccessRefused as error:
    print("refused", error.code)
else:
    print("allowed")
"""
#: The same for the database.
DATABASE = """
import pymongo
from pathlib import Path
client = pymongo.MongoClient(Path("/run/secrets/mongodb_uri").read_text().strip())
try:
    OPERATION
except pymongo.errors.OperationFailure as error:
    print("refused", error.code)
else:
    print("allowed")
"""
#: An RPC request to a method that does not exist, so that it has no effect.
CALL = (
    "channel.basic_publish("
    "amqp.Message('{}', content_type='application/json', reply_to=str(uuid.uuid4())), "
    "exchange='nameko-rpc', routing_key='%s')"
)


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with Project.started("clinic-compose-secrets") as project:
        yield project


def secret(project: Project, service: str, name: str) -> str:
    return project.run("exec", "-T", service, "cat", f"/run/secrets/{name}").strip()


def result_of(project: Project, service: str, template: str, operation: str) -> str:
    code = template.replace("OPERATION", operation)
    return project.run("exec", "-T", service, "python", "-c", code).split()[0]


@pytest.mark.parametrize("service", SECRETS)
def test_each_service_has_only_its_own_secrets(project: Project, service: str) -> None:
    listed = project.run("exec", "-T", service, "ls", "-A", "/run/secrets").split()
    assert set(listed) == SECRETS[service]


@pytest.mark.parametrize("service", SECRETS)
def test_a_secret_is_readable_only_by_its_user(project: Project, service: str) -> None:
    files = [f"/run/secrets/{name}" for name in SECRETS[service]]
    modes = project.run("exec", "-T", service, "stat", "--format", "%a %u", *files)
    assert set(modes.splitlines()) == {"400 10001"}


def test_secrets_are_in_no_environment_and_no_log(project: Project) -> None:
    values = {secret(project, service, name) for service in SECRETS for name in SECRETS[service]}
    passwords = {value.split("@")[0].rpartition(":")[2] for value in values}
    exposed = project.run("logs", "--no-color")
    exposed += "".join(inspect(each, "{{json .Config}}") for each in project.containers())
    assert len(passwords) > len(SECRETS)
    assert [each for each in passwords if each in exposed] == []


def test_secrets_differ_between_users(project: Project) -> None:
    uris = {secret(project, service, "amqp_uri") for service in SECRETS}
    assert len(uris) == len(SECRETS)


def test_the_generated_key_grants_access_to_metrics(project: Project) -> None:
    key = secret(project, "gateway", "staff_api_key")
    headers = {"Authorization": f"Bearer {key}"}
    assert project.request("GET", "/metrics", headers=headers).status_code == 200
    assert project.request("GET", "/metrics").status_code == 401
    assert project.request("GET", "/bookings/").status_code == 200


def test_a_second_start_changes_no_secret(project: Project) -> None:
    before = {name: secret(project, "gateway", name) for name in SECRETS["gateway"]}
    project.up()
    assert {name: secret(project, "gateway", name) for name in SECRETS["gateway"]} == before


def test_a_secret_missing_after_an_interrupted_start_is_restored(project: Project) -> None:
    before = secret(project, "notification_service", "amqp_uri")
    interruption = (
        "rm /secrets/notification_service/amqp_uri && touch /secrets/gateway/.amqp_uri.new"
    )
    project.run("run", "--rm", "secrets", "sh", "-c", interruption)
    project.up()
    assert secret(project, "notification_service", "amqp_uri") == before
    listed = project.run("exec", "-T", "gateway", "ls", "-A", "/run/secrets").split()
    assert set(listed) == SECRETS["gateway"]


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("gateway", "channel.basic_get('booking_requests')", "refused"),
        ("gateway", "channel.basic_get('booking_dead_letter')", "allowed"),
        ("gateway", "channel.queue_delete('booking_requests')", "refused"),
        ("gateway", CALL % "booking_service.nothing", "allowed"),
        ("booking_service", "channel.basic_get('notification_service.email')", "refused"),
        ("booking_service", CALL % "notification_admin.resend", "refused"),
        ("notification_service", "channel.basic_get('booking_requests')", "refused"),
        ("notification_service", "channel.queue_delete('booking_requests')", "refused"),
        ("notification_service", "channel.basic_get('booking_dead_letter')", "refused"),
        ("notification_service", CALL % "booking_service.cancel_booking", "refused"),
    ],
)
def test_a_broker_user_has_the_permissions_of_its_service(
    project: Project, service: str, operation: str, expected: str
) -> None:
    """The complete permissions are tested in `tests/e2e/test_broker_permissions.py`."""
    assert result_of(project, service, BROKER, operation) == expected


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("client.clinic.bookings.find_one()", "allowed"),
        ("client.admin.command('usersInfo')", "refused"),
        ("client.other.things.insert_one({})", "refused"),
        ("client.clinic.command('createUser', 'x', pwd='x', roles=['root'])", "refused"),
    ],
)
def test_the_database_user_can_access_only_the_clinic_database(
    project: Project, operation: str, expected: str
) -> None:
    assert result_of(project, "gateway", DATABASE, operation) == expected


def test_the_broker_has_only_the_users_of_the_services(project: Project) -> None:
    users = project.run("exec", "-T", "rabbitmq", "rabbitmqctl", "-q", "list_users")
    names = {line.split()[0] for line in users.splitlines()[1:]}
    assert names == set(SECRETS)
