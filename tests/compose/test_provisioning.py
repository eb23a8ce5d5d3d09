"""What `docker-compose up -d` makes by itself: secrets, users, and what each of them may do."""

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
#: Runs in a container; prints what the broker says to one operation on a channel of its own.
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
#: A request to a method that is not there: nothing happens, whoever may send it.
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


def asked(project: Project, service: str, template: str, operation: str) -> str:
    code = template.replace("OPERATION", operation)
    return project.run("exec", "-T", service, "python", "-c", code).split()[0]


@pytest.mark.parametrize("service", SECRETS)
def test_each_service_has_its_own_secrets_and_no_others(project: Project, service: str) -> None:
    listed = project.run("exec", "-T", service, "ls", "-A", "/run/secrets").split()
    assert set(listed) == SECRETS[service]


@pytest.mark.parametrize("service", SECRETS)
def test_only_its_own_user_can_read_a_secret(project: Project, service: str) -> None:
    files = [f"/run/secrets/{name}" for name in SECRETS[service]]
    modes = project.run("exec", "-T", service, "stat", "--format", "%a %u", *files)
    assert set(modes.splitlines()) == {"400 10001"}


def test_no_secret_is_in_an_environment_or_a_log(project: Project) -> None:
    values = {secret(project, service, name) for service in SECRETS for name in SECRETS[service]}
    passwords = {value.split("@")[0].rpartition(":")[2] for value in values}
    told = project.run("logs", "--no-color")
    told += "".join(inspect(each, "{{json .Config}}") for each in project.containers())
    assert len(passwords) > len(SECRETS)
    assert [each for each in passwords if each in told] == []


def test_secrets_differ_between_users(project: Project) -> None:
    uris = {secret(project, service, "amqp_uri") for service in SECRETS}
    assert len(uris) == len(SECRETS)


def test_the_generated_key_opens_what_is_the_staffs(project: Project) -> None:
    key = secret(project, "gateway", "staff_api_key")
    headers = {"Authorization": f"Bearer {key}"}
    assert project.request("GET", "/metrics", headers=headers).status_code == 200
    assert project.request("GET", "/metrics").status_code == 401
    assert project.request("GET", "/bookings/").status_code == 200


def test_a_second_start_changes_no_secret(project: Project) -> None:
    before = {name: secret(project, "gateway", name) for name in SECRETS["gateway"]}
    project.up()
    assert {name: secret(project, "gateway", name) for name in SECRETS["gateway"]} == before


def test_what_an_interrupted_start_left_out_is_written_by_the_next(project: Project) -> None:
    before = secret(project, "notification_service", "amqp_uri")
    lost = "rm /secrets/notification_service/amqp_uri && touch /secrets/gateway/.amqp_uri.new"
    project.run("run", "--rm", "secrets", "sh", "-c", lost)
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
def test_a_broker_user_may_do_what_its_service_does(
    project: Project, service: str, operation: str, expected: str
) -> None:
    """All of it is in `tests/e2e/test_broker_permissions.py`."""
    assert asked(project, service, BROKER, operation) == expected


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("client.clinic.bookings.find_one()", "allowed"),
        ("client.admin.command('usersInfo')", "refused"),
        ("client.other.things.insert_one({})", "refused"),
        ("client.clinic.command('createUser', 'x', pwd='x', roles=['root'])", "refused"),
    ],
)
def test_the_database_user_may_read_and_write_the_clinic_only(
    project: Project, operation: str, expected: str
) -> None:
    assert asked(project, "gateway", DATABASE, operation) == expected


def test_the_broker_has_no_user_but_ours(project: Project) -> None:
    users = project.run("exec", "-T", "rabbitmq", "rabbitmqctl", "-q", "list_users")
    names = {line.split()[0] for line in users.splitlines()[1:]}
    assert names == set(SECRETS)
