"""`docker-compose up -d` as in production: `make compose-test`.

Needs a Docker engine. The tests run in order on one deployment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from clinic.domain.clock import now, to_wire
from tests.compose.project import Project, inspect
from tests.conftest import eventually

pytestmark = pytest.mark.timeout(900)

OURS = ("gateway", "booking_service", "notification_service")
SERVICES = (*OURS, "proxy", "rabbitmq", "mongo", "mailpit")
NETWORKS = {
    "proxy": {"edge"},
    "gateway": {"edge", "core"},
    "booking_service": {"core"},
    "notification_service": {"core", "outbound"},
    "rabbitmq": {"core"},
    "mongo": {"core"},
    "mailpit": {"outbound"},
}
TOMORROW = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with Project.started("clinic-compose-test", BOOKING_RETRY_TTL_SECONDS="2") as project:
        yield project


def notified_once(project: Project, ids: list[str]) -> bool:
    """Whether exactly one e-mail was sent for each of these bookings."""
    emails = Counter(project.sent_message_ids())
    return all(emails[f"{booking_id}.2@clinica.example"] == 1 for booking_id in ids)


def test_every_service_is_up_and_healthy(project: Project) -> None:
    for service in SERVICES:
        (container,) = project.containers(service)
        health = "{{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}}"
        eventually(lambda c=container, h=health: inspect(c, h) == "healthy", 120)
        assert inspect(container, "{{.HostConfig.RestartPolicy.Name}}") == "always"


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_read_only_and_unprivileged(project: Project, service: str) -> None:
    (container,) = project.containers(service)
    assert inspect(container, "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}") == (
        "true [ALL]"
    )
    assert "no-new-privileges" in inspect(container, "{{.HostConfig.SecurityOpt}}")


@pytest.mark.parametrize("service", [*OURS, "proxy", "mailpit"])
def test_containers_run_without_root_where_possible(project: Project, service: str) -> None:
    (container,) = project.containers(service)
    assert inspect(container, "{{.Config.User}} {{.HostConfig.CapAdd}}") == "10001:10001 []"


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_resource_and_log_limits(project: Project, service: str) -> None:
    (container,) = project.containers(service)
    memory, processes = inspect(
        container, "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}"
    ).split()
    assert 0 < int(memory) <= 2 * 1024**3
    assert 0 < int(processes) <= 2048
    logging = inspect(container, "{{.HostConfig.LogConfig.Config}}")
    assert "max-size:10m" in logging
    assert "max-file:5" in logging


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_only_in_its_networks(project: Project, service: str) -> None:
    (container,) = project.containers(service)
    names = inspect(container, "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}")
    assert {name.rpartition("_")[2] for name in names.split()} == NETWORKS[service]


def test_the_core_network_is_internal(project: Project) -> None:
    assert inspect("clinic-compose-test_core", "{{.Internal}}") == "true"


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_proxy_and_mailpit_publish_ports(project: Project, service: str) -> None:
    (container,) = project.containers(service)
    published = inspect(container, "{{range .HostConfig.PortBindings}}{{.}}{{end}}")
    assert bool(published) == (service in ("proxy", "mailpit"))
    assert "0.0.0.0" not in published


def test_the_documented_example_works(project: Project) -> None:
    past, future = project.book(), project.book(date=to_wire(TOMORROW))
    assert project.decided(past)["reason"] == "past"
    assert project.decided(future)["status"] == "confirmed"
    listed = project.request("GET", "/bookings/").json()
    assert {booking["id"] for booking in listed} == {past, future}
    eventually(lambda: notified_once(project, [past, future]))


def test_a_booking_can_be_traced_through_all_logs_by_its_id(project: Project) -> None:
    booking_id = project.book()
    project.decided(booking_id)
    eventually(lambda: notified_once(project, [booking_id]))

    def log_lines() -> list[str]:
        lines = project.run("logs", "--no-color", *OURS).splitlines()
        return [line for line in lines if booking_id in line]

    for step in ("booking accepted", "booking decided", "patient notified"):
        eventually(lambda step=step: any(step in line for line in log_lines()))


def test_replicas_share_the_work_and_send_no_duplicate_emails(project: Project) -> None:
    project.up("--scale", "booking_service=3", "--scale", "notification_service=2")
    workers = project.containers("booking_service")
    notifiers = project.containers("notification_service")
    assert (len(workers), len(notifiers)) == (3, 2)
    for container in (*workers, *notifiers):
        eventually(lambda c=container: inspect(c, "{{.State.Health.Status}}") == "healthy", 120)
    ids = [project.book() for _ in range(60)]
    for booking_id in ids:
        project.decided(booking_id)
    eventually(lambda: notified_once(project, ids))
    logs = project.run("logs", "--no-color", "booking_service")
    deciders = {line.split("|")[0].strip() for line in logs.splitlines() if "decided" in line}
    assert len(deciders) == 3


def test_killed_workers_lose_no_bookings(project: Project) -> None:
    ids = [project.book() for _ in range(20)]
    project.run("kill", "-s", "KILL", "booking_service")
    ids += [project.book() for _ in range(20)]
    project.up()
    for booking_id in ids:
        project.decided(booking_id)
    eventually(lambda: notified_once(project, ids), 120)


def test_a_broker_restart_loses_no_bookings(project: Project) -> None:
    ids = [project.book() for _ in range(10)]
    project.run("restart", "rabbitmq")
    ids += [project.book() for _ in range(10)]
    for booking_id in ids:
        project.decided(booking_id)
    eventually(lambda: notified_once(project, ids), 120)


def test_bookings_survive_down_and_up(project: Project) -> None:
    before = [project.book() for _ in range(5)]
    project.run("down")
    project.up()
    for booking_id in before:
        assert project.decided(booking_id)["status"] == "rejected"


def test_dead_letters_can_be_listed(project: Project) -> None:
    output = project.run("exec", "-T", "gateway", "python", "-m", "clinic", "dead-letters", "list")
    assert "0 dead letters" in output
