from __future__ import annotations

from runner.backends.rabbitmq import RabbitNode


def test_a_node_keeps_its_name_since_its_data_hangs_on_it(tmp_path):
    assert RabbitNode(tmp_path / "a").name == RabbitNode(tmp_path / "a").name


def test_two_nodes_share_neither_a_name_nor_a_port(tmp_path):
    one, other = RabbitNode(tmp_path / "a"), RabbitNode(tmp_path / "b")

    assert one.name != other.name
    assert one.uri != other.uri
    assert one.epmd.command != other.epmd.command


def test_a_node_is_found_without_dns_and_listens_here_only(tmp_path):
    node = RabbitNode(tmp_path)
    environment = node.server.environment

    assert node.name.endswith("@localhost")
    assert environment["RABBITMQ_NODE_IP_ADDRESS"] == "127.0.0.1"
    assert "inet_dist_use_interface {127,0,0,1}" in environment["ERL_ZFLAGS"]
    assert node.epmd.command[-2:] == ["-address", "127.0.0.1"]


def test_erlang_starts_no_epmd_that_would_outlive_the_node(tmp_path):
    node = RabbitNode(tmp_path)

    assert "-start_epmd false" in node.server.environment["ERL_ZFLAGS"]
    assert [server.name for server in node.servers] == ["epmd", "rabbitmq"]


def test_the_cookie_is_kept_and_only_its_owner_reads_it(tmp_path):
    cookie = tmp_path / "home" / ".erlang.cookie"
    RabbitNode(tmp_path)
    first = cookie.read_text()
    RabbitNode(tmp_path)

    assert cookie.read_text() == first
    assert cookie.stat().st_mode & 0o777 == 0o400


def test_all_a_node_writes_is_below_its_directory(tmp_path):
    environment = RabbitNode(tmp_path / "node").server.environment
    paths = [value for value in environment.values() if value.startswith("/")]

    assert len(paths) == 7
    assert all(path.startswith(f"{tmp_path}/node/") for path in paths)


def test_a_node_that_does_not_run_is_not_ready(tmp_path):
    assert not RabbitNode(tmp_path).is_ready()
