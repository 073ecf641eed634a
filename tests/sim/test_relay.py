"""The network that can be cut: what goes through, and what does not."""

import socket
import socketserver
import threading

import pytest

from wattkeep.sim.relay import Relay


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


@pytest.fixture
def echo():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address
        server.shutdown()


@pytest.fixture
def relay(echo):
    with Relay(*echo) as one:
        yield one


def connect(relay):
    host, port = relay.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    return connection, connection.makefile("rb")


def test_bytes_go_both_ways(relay):
    connection, answers = connect(relay)
    with connection, answers:
        connection.sendall(b"one\n")
        assert answers.readline() == b"ONE\n"
        connection.sendall(b"two\n")
        assert answers.readline() == b"TWO\n"


def test_cut_network_drops_what_is_open_and_refuses_what_comes(relay):
    connection, answers = connect(relay)
    with connection, answers:
        connection.sendall(b"one\n")
        assert answers.readline() == b"ONE\n"
        relay.is_up = False
        assert answers.readline() == b""
    late, nothing = connect(relay)
    with late, nothing:
        assert nothing.readline() == b""


def test_network_that_is_back_carries_again(relay):
    relay.is_up = False
    relay.is_up = True
    connection, answers = connect(relay)
    with connection, answers:
        connection.sendall(b"one\n")
        assert answers.readline() == b"ONE\n"


def test_server_that_is_away_ends_the_connection():
    with Relay("127.0.0.1", 1) as relay:
        connection, answers = connect(relay)
        with connection, answers:
            assert answers.readline() == b""
