"""A fleet's homes, bad luck, counts, keys and addresses."""

import json
import stat
from itertools import pairwise
from random import Random

import pytest

from wattkeep.sim.fleet_count import Latencies, Percentiles, Strain, Tally
from wattkeep.sim.fleet_house import House, Spells
from wattkeep.sim.fleet_keys import read_keys, write_keys
from wattkeep.sim.fleet_wire import Answer, Connection, FleetError, Target

STARTED = 1_763_886_000.0


def test_a_house_shows_whole_steps_that_a_meter_can_measure():
    house = House(Random(7), STARTED)

    shown = [json.loads(f"[{house.values(STARTED + s)}]") for s in range(0, 86_400, 97)]

    for voltage_dv, current_ma, power_dw, _, frequency_dhz, factor_c in shown:
        assert 2000 < voltage_dv < 2600
        assert 0 <= current_ma <= 100_000
        assert 0 <= power_dw <= 230_000
        assert 450 <= frequency_dhz <= 550
        assert 0 <= factor_c <= 100
    counters = [row[3] for row in shown]
    assert counters == sorted(counters)
    assert counters[-1] > counters[0]


def test_the_same_seed_is_the_same_house_and_another_is_not():
    first, again, other = (House(Random(seed), STARTED).values(STARTED) for seed in (1, 1, 2))

    assert first == again != other


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3])
def test_spells_fill_their_share_of_the_time_in_stretches(share):
    spells = Spells(Random(3), share, mean_windows=12)

    steps = [spells.step() for _ in range(200_000)]

    stretches = sum(now and not before for before, now in pairwise(steps))
    assert sum(steps) / len(steps) == pytest.approx(share, rel=0.15)
    assert sum(steps) / max(stretches, 1) == pytest.approx(12 if share else 0, rel=0.15)


def test_percentiles_are_right_to_two_per_cent():
    latencies = Latencies()
    for ms in range(1, 1001):
        latencies.add(ms / 1000)

    found = latencies.since_start()

    assert found == latencies.recent()
    shown = (found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms)
    assert shown == pytest.approx((500, 950, 990, 1000), rel=0.02)


def test_the_last_seconds_forget_and_the_total_does_not():
    latencies = Latencies()
    latencies.add(0.5)
    for _ in range(10):
        latencies.next_second()

    assert latencies.recent() == Percentiles()
    assert latencies.since_start().p50_ms == pytest.approx(500, rel=0.02)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e9])
def test_a_duration_off_the_scale_is_counted(seconds):
    latencies = Latencies()
    latencies.add(seconds)

    assert latencies.since_start() != Percentiles()


def test_what_is_neither_settled_nor_lost_waits():
    tally = Tally(made=20, acked=9, silent=1, refused=2, parked=3, overflowed=1)

    assert tally.backlog == 4


@pytest.mark.parametrize(
    ("late_s", "p99_ms", "words"),
    [(0.001, 3.0, ""), (0.1, 120.0, "held up"), (0.1, 2000.0, "")],
    ids=["on time", "late", "late, but the server is far slower"],
)
def test_a_client_that_spoils_its_own_figures_says_so(late_s, p99_ms, words):
    strain = Strain(wall=iter(range(1000)).__next__, cpu=lambda: 0.0)
    for _ in range(100):
        strain.note_lag(late_s)

    verdict = strain.verdict(Percentiles(p99_ms=p99_ms))

    assert (words in verdict, bool(verdict)) == (True, bool(words))


def test_a_client_that_fills_its_core_says_so():
    wall_s, cpu_s = iter(range(1000)), iter(range(1000))

    strain = Strain(wall=wall_s.__next__, cpu=cpu_s.__next__)

    assert "bottleneck: it used 100% of a core" in strain.verdict(Percentiles(p99_ms=9.0))


def test_keys_come_back_from_a_file_that_only_its_owner_reads(tmp_path):
    path = tmp_path / "keys"
    write_keys(path, ["one_a", "two_b"])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_keys(path, None) == ["one_a", "two_b"]
    assert read_keys(path, 1) == ["one_a"]


def test_a_file_of_keys_is_never_written_over(tmp_path):
    path = tmp_path / "keys"
    path.write_text("precious")

    with pytest.raises(FleetError, match="File exists"):
        write_keys(path, ["one_a"])
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("content", "words"),
    [("one_a\n", "holds 1 keys for 2 devices"), ("", "holds 0 keys"), ("küche", "something else")],
    ids=["too few", "empty", "not keys"],
)
def test_a_file_without_enough_keys_says_so(tmp_path, content, words):
    path = tmp_path / "keys"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(FleetError, match=words):
        read_keys(path, 2)


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", 8000, "/api/energy-data/"),
        ("http://pi.local/", "pi.local", 80, "/api/energy-data/"),
        ("https://example.org/power", "example.org", 443, "/power/api/energy-data/"),
        ("http://[::1]:81", "::1", 81, "/api/energy-data/"),
        ("pi.local:8000", "pi.local", 8000, "/api/energy-data/"),
    ],
)
def test_an_address_is_taken_apart(url, host, port, path):
    target = Target.parse(url)

    assert (target.host, target.port, target.path) == (host, port, path)
    assert (target.tls is not None) == url.startswith("https")


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:99999", "http://[::1"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(FleetError, match="is not an address"):
        Target.parse(url)


class Wire:
    """A transport that goes nowhere."""

    def __init__(self):
        self.sent = b""
        self.closed = False

    def write(self, data):
        self.sent += data

    def pause_reading(self):
        pass

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True


def connected():
    outcomes, wire = [], Wire()
    connection = Connection(outcomes.append)
    connection.connection_made(wire)
    connection.send(b"request")
    return connection, wire, outcomes


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_an_answer_is_understood_however_it_is_cut(step):
    connection, wire, outcomes = connected()
    answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\nretry-after: 7\r\n\r\n{}"

    for start in range(0, len(answer), step):
        connection.data_received(answer[start : start + step])

    assert outcomes == [Answer(503, b"{}", 7, keeps_open=True)]
    assert (wire.sent, wire.closed) == (b"request", False)


def test_a_server_that_says_close_is_hung_up_on():
    connection, wire, outcomes = connected()

    connection.data_received(
        b"HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )

    assert outcomes == [Answer(201, b"", 0, keeps_open=False)]
    assert wire.closed
    assert not connection.is_open


@pytest.mark.parametrize(
    "answer",
    [b"SMTP ready\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ids=["another protocol", "no length"],
)
def test_an_answer_in_another_language_is_a_failure(answer):
    connection, wire, outcomes = connected()

    connection.data_received(answer)

    assert outcomes == ["answer not understood"]
    assert wire.closed


def test_a_connection_lost_before_the_answer_is_told_once():
    connection, _, outcomes = connected()

    connection.connection_lost(None)
    connection.connection_lost(None)

    assert outcomes == ["connection lost"]


def test_a_connection_lost_while_idle_is_no_failure():
    connection, _, outcomes = connected()
    connection.data_received(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
    outcomes.clear()

    connection.connection_lost(None)

    assert outcomes == []
