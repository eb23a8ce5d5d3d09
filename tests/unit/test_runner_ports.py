from __future__ import annotations

import socket
from pathlib import Path

import pytest

from runner.backends.ports import free_port, is_taken, remembered_port, reserve


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", free_port())) as server:
        yield server.getsockname()[1]


def test_a_free_port_is_not_one_linux_gives_to_outgoing_connections():
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert 1024 < free_port() < first_outgoing


def test_no_free_port_is_given_out_twice():
    ports = [free_port() for _ in range(50)]

    assert len(set(ports)) == 50


def test_a_port_is_taken_while_somebody_listens(listener):
    assert is_taken(listener)
    assert not is_taken(free_port())


def test_a_listener_on_every_address_takes_the_port_on_this_one():
    with socket.create_server(("0.0.0.0", free_port())) as server:
        assert is_taken(server.getsockname()[1], "127.0.0.1")


def test_an_address_that_is_not_ours_is_an_error_and_not_a_taken_port():
    with pytest.raises(OSError, match="assign requested address"):
        is_taken(free_port(), "192.0.2.1")


def test_a_port_of_ipv6_is_taken_while_somebody_listens():
    with socket.create_server(("::1", free_port()), family=socket.AF_INET6) as server:
        assert is_taken(server.getsockname()[1], "::1")
    assert not is_taken(free_port(), "::1")


def test_a_reserved_port_is_given_to_no_server(tmp_path):
    file = tmp_path / "port"
    port = remembered_port(file)
    reserve(port)

    assert remembered_port(file) != port
    assert free_port() != port


def test_a_port_is_remembered_while_it_is_free(tmp_path):
    file = tmp_path / "port"

    assert remembered_port(file) == remembered_port(file) == int(file.read_text())


def test_a_remembered_port_that_is_taken_is_replaced(tmp_path, listener):
    file = tmp_path / "port"
    file.write_text(f"{listener}\n")

    port = remembered_port(file)

    assert port != listener
    assert int(file.read_text()) == port


@pytest.mark.parametrize("text", ["", "nonsense", "-1", "22", "99999"])
def test_a_file_without_a_usable_port_is_written_anew(tmp_path, text):
    file = tmp_path / "port"
    file.write_text(text)

    assert remembered_port(file) == int(file.read_text())
    assert file.read_text().strip() != text
