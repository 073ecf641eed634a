"""Workers are replaced under load, and nobody who posts can tell."""

import os
import signal
import socket

import pytest

from deploy.serving import Serve, posting, stored_ms, wait_until

UNLIMITED = {"WATTKEEP_DEVICE_RATE_PER_S": "0", "WATTKEEP_TICKER": "0"}


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    with Serve(tmp_path_factory.mktemp("serve") / "data", **UNLIMITED) as running:
        running.add_user("ada")
        running.key = running.add_device("House")[1]
        yield running


def test_every_worker_is_replaced_without_a_lost_or_refused_post(serve):
    before = set(stored_ms(serve.data_dir))
    with posting(serve.port, serve.key) as senders:
        for _ in range(2):
            serve.replace_workers()

    assert senders.failures == []
    # Each on a kept connection was told that the answer is the last one here.
    assert senders.last_answers >= 4
    stored = stored_ms(serve.data_dir)
    assert sorted(set(stored) - before) == sorted(senders.acknowledged)
    assert len(set(senders.acknowledged)) == len(senders.acknowledged)


def test_counts_outlive_the_workers_that_counted(serve):
    def counted():
        lines = serve.get("/metrics").body.decode().splitlines()
        return sum(float(x.split()[1]) for x in lines if x.startswith("wattkeep_posts_total"))

    wait_until(lambda: counted() == len(stored_ms(serve.data_dir)))

    serve.close()
    serve.replace_workers()

    wait_until(lambda: counted() == len(stored_ms(serve.data_dir)))


def test_a_connection_that_waits_in_the_queue_of_a_retired_worker_is_served(serve):
    """Nobody accepts it while both workers stand still; the successors find it there."""
    # Retired workers wait a while for whoever keeps a connection.
    serve.close()
    old = serve.workers()
    for pid in old:
        os.kill(pid, signal.SIGSTOP)
    try:
        waiting = socket.create_connection(("127.0.0.1", serve.port), timeout=60)
        waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        os.kill(serve.process.process.pid, signal.SIGHUP)
        with waiting:
            answer = waiting.recv(100)
    finally:
        for pid in old:
            os.kill(pid, signal.SIGCONT)

    assert answer.startswith(b"HTTP/1.1 200")
    wait_until(lambda: not old & serve.workers())


def test_a_worker_that_dies_is_started_anew(serve):
    first = min(serve.workers())

    os.kill(first, signal.SIGKILL)

    wait_until(lambda: first not in serve.workers() and len(serve.workers()) == 2)
    with posting(serve.port, serve.key) as senders:
        pass
    assert senders.failures == []


def test_end_leaves_nobody_without_an_answer_who_was_let_in(tmp_path):
    """Refused at most, which a proxy in front turns into another server's answer."""
    with Serve(tmp_path / "data", **UNLIMITED) as running:
        running.add_user("ada")
        key = running.add_device("House")[1]
        with posting(running.port, key) as senders:
            status = running.process.end(signal.SIGTERM)

    assert status == 0
    assert {failure for failure in senders.failures if "refused" not in str(failure)} == set()
    assert stored_ms(running.data_dir) == sorted(senders.acknowledged)


def test_new_workers_that_cannot_start_leave_the_old_ones_as_they_are(tmp_path):
    """What they read at their start is broken by then."""
    level = tmp_path / "level"
    level.write_text("WARNING")
    with Serve(tmp_path / "data", WATTKEEP_LOG_LEVEL_FILE=str(level), **UNLIMITED) as running:
        running.add_user("ada")
        key = running.add_device("House")[1]
        old = running.workers()
        level.write_text("NONSENSE")
        with posting(running.port, key) as senders:
            os.kill(running.process.process.pid, signal.SIGHUP)
            wait_until(lambda: "the old ones stay" in running.process.log.read_text())
        assert senders.failures == []
        assert running.workers() == old

        # With nobody left to serve it gives up, and whoever started it knows.
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        assert running.process.process.wait(120) == 1

    assert "workers end before they take a connection" in running.process.log.read_text()
