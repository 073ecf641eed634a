"""Replaying readings against a server of the test's own, with a clock that only sleep moves."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from sim_data.receiving import Dropped, Receiver, Reply, receiving
from wattkeep.sim.formats import Sample, Tally, read_samples
from wattkeep.sim.replay import (
    ReplayError,
    ReplayProgress,
    ReplayReport,
    Timing,
    replay,
)

if TYPE_CHECKING:
    from pathlib import Path

START_MS = 1_638_748_800_000


@pytest.fixture
def receiver():
    with receiving() as started:
        yield started


@dataclass
class Clock:
    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds

    def timing(self, give_up_s: float = 300.0) -> Timing:
        # The answer's limit is real time; nothing here should come near it.
        return Timing(60.0, give_up_s, self.sleep, lambda: self.now)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def minutes(count: int) -> list[Sample]:
    return [
        Sample(START_MS + 60_000 * n, 230.5, 2.345, 540.67, (1000 + n) / 1000, 50.0, 0.98)
        for n in range(count)
    ]


def run(receiver: Receiver, clock: Clock, samples: list[Sample], **options) -> ReplayReport:
    options = {"api_key": lambda: "wk_1", "timing": clock.timing()} | options
    return replay(samples, url=receiver.url, **options)


def test_replay_posts_arrays_over_one_connection(receiver, clock):
    samples = minutes(25)

    report = run(receiver, clock, samples, batch=10)

    assert report == ReplayReport(rows=25, sent=25, accepted=25)
    assert [len(body) for body in receiver.requests] == [10, 10, 5]
    assert receiver.requests[0][1] == {
        "timestamp": START_MS / 1000 + 60,
        "voltage": 230.5,
        "current": 2.345,
        "power": 540.67,
        "energy": 1.001,
        "frequency": 50.0,
        "power_factor": 0.98,
    }
    assert list(receiver.stored) == [one.timestamp_ms for one in samples]
    assert len(receiver.connections) == 1
    assert clock.slept == []


def test_replay_again_stores_nothing_more(receiver, clock):
    run(receiver, clock, minutes(12), batch=5)

    report = run(receiver, clock, minutes(12), batch=5)

    assert report == ReplayReport(rows=12, sent=12, duplicates=12)
    assert report.acknowledged == 12
    assert len(receiver.stored) == 12


def test_replay_of_nothing_asks_nothing(receiver, clock):
    assert run(receiver, clock, []) == ReplayReport()
    assert receiver.requests == []


def test_replay_keeps_fractions_of_a_second(receiver, clock):
    sample = replace(minutes(1)[0], timestamp_ms=1_763_886_000_123)

    run(receiver, clock, [sample])

    assert list(receiver.stored) == [1_763_886_000_123]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_replay_tries_a_passing_failure_again_with_backoff(receiver, clock, status):
    receiver.script = [Reply(status)] * 3

    report = run(receiver, clock, minutes(4), batch=4)

    assert report == ReplayReport(rows=4, sent=4, accepted=4, retries=3)
    assert clock.slept == [0.5, 1.0, 2.0]
    assert len(receiver.requests) == 4


def test_replay_backoff_grows_to_a_limit_and_starts_anew_after_success(receiver, clock):
    receiver.script = [Reply(503)] * 9

    run(receiver, clock, minutes(1))
    receiver.script = [Reply(503)]
    run(receiver, clock, minutes(1))

    assert clock.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 0.5]


def test_replay_waits_as_long_as_retry_after_says(receiver, clock):
    receiver.script = [
        Reply(429, {"error": "slow down"}, {"Retry-After": "7"}),
        Reply(503, {"error": "queue full"}, {"Retry-After": "0"}),
        Reply(503, {}, {"Retry-After": "soon"}),
    ]

    report = run(receiver, clock, minutes(2))

    assert report == ReplayReport(rows=2, sent=2, accepted=2, retries=3)
    # "0" still leaves the server a breath; what cannot be read counts as not said.
    assert clock.slept == [7.0, 0.05, 2.0]


def test_replay_understands_a_date_in_retry_after(receiver, clock):
    # A date long past means now, whatever the test machine's clock says.
    receiver.script = [Reply(503, {}, {"Retry-After": formatdate(0, usegmt=True)})]

    run(receiver, clock, minutes(1))

    assert clock.slept == [0.05]


@pytest.mark.parametrize("stored", [False, True], ids=["before storing", "mid-answer"])
def test_replay_sends_again_what_a_broken_connection_left_open(receiver, clock, stored):
    receiver.script = [Dropped(stored=stored)]

    report = run(receiver, clock, minutes(6), batch=3)

    again = 3 if stored else 0
    assert report == ReplayReport(rows=6, sent=6, accepted=6 - again, duplicates=again, retries=1)
    assert receiver.requests[0] == receiver.requests[1]
    assert list(receiver.stored) == [one.timestamp_ms for one in minutes(6)]


def test_replay_gives_up_after_the_time_set_and_says_what_is_safe(receiver, clock):
    def fail_from_now_on(progress: ReplayProgress) -> None:
        if progress.report.accepted == 4 and not receiver.script:
            receiver.script = [Reply(503)] * 100

    with pytest.raises(ReplayError) as failed:
        run(
            receiver,
            clock,
            minutes(8),
            batch=4,
            progress=fail_from_now_on,
            timing=clock.timing(give_up_s=10),
        )

    assert failed.value.report == ReplayReport(rows=8, sent=4, accepted=4, retries=4)
    assert str(failed.value) == (
        "the server answers 503; gave up after 8 s without progress. 4 readings are acknowledged "
        "and stored; running it again goes on from there, and stores nothing twice"
    )
    assert sum(clock.slept) <= 10


def test_replay_does_not_wait_for_a_retry_after_beyond_its_patience(receiver, clock):
    receiver.script = [Reply(503, {}, {"Retry-After": "3600"})]

    with pytest.raises(ReplayError, match="gave up after 0 s"):
        run(receiver, clock, minutes(1))

    assert clock.slept == []


def test_replay_gives_up_on_a_server_that_is_not_there(clock):
    with socket.socket() as held:
        # Bound and not listening: nothing can answer here while the test runs.
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"

        with pytest.raises(ReplayError) as failed:
            replay(minutes(1), url=url, api_key=lambda: "k", timing=clock.timing(5))

    assert failed.value.reason.startswith(f"no answer from {url}/api/energy-data/ (")
    assert "Connection refused" in failed.value.reason
    assert failed.value.report == ReplayReport(rows=1, retries=3)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (
            Reply(401, {"error": "Invalid API key"}),
            "the server refuses the key: Invalid API key",
        ),
        (
            Reply(413, {"error": "Body larger than 2 MiB"}),
            "the server answers 413: Body larger than 2 MiB",
        ),
        (
            Reply(400, {"voltage": ["A valid number is required."]}),
            'the server answers 400: {"voltage": ["A valid number is required."]}',
        ),
        (Reply(404, "<h1>Not\n Found</h1>"), "the server answers 404: <h1>Not Found</h1>"),
        (Reply(405, ""), "the server answers 405: (nothing)"),
        (
            Reply(301, "", {"Location": "https://example.org/"}),
            "the server answers 301: go to https://example.org/",
        ),
        (Reply(200, "<html>Log in to the Wi-Fi"), "not an answer of Wattkeep's: <html>Log in to"),
        (Reply(201, {"status": "success"}), 'not an answer of Wattkeep\'s: {"status": "success"}'),
        (Reply(201, [1]), "not an answer of Wattkeep's: [1]"),
        (
            Reply(201, {"accepted": 1, "duplicates": 0, "rejected": []}),
            "the answer does not account for 3 readings",
        ),
        (
            Reply(201, {"accepted": 2, "duplicates": 0, "rejected": [{"index": 9, "errors": {}}]}),
            "not an answer of Wattkeep's",
        ),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
def test_replay_stops_in_the_servers_own_words(receiver, clock, reply, reason):
    receiver.script = [reply]

    with pytest.raises(ReplayError) as failed:
        run(receiver, clock, minutes(3))

    assert failed.value.reason.startswith(reason)
    assert failed.value.report == ReplayReport(rows=3)
    assert (len(receiver.requests), clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("url", "key", "reason"),
    [
        ("ftp://127.0.0.1", "k", "ftp://127.0.0.1/api/energy-data/ is not an address to post to"),
        ("http://[::", "k", "http://[::/api/energy-data/ is not an address to post to"),
        ("http://127.0.0.1:9", "k\r\nX: y", "the key holds characters that no header can carry"),
        ("http://127.0.0.1:9", "ключ", "the key holds characters that no header can carry"),
    ],
)
def test_replay_says_which_argument_is_wrong(clock, url, key, reason):
    with pytest.raises(ReplayError) as failed:
        replay(minutes(1), url=url, api_key=lambda: key, timing=clock.timing(0))

    assert failed.value.reason.startswith(reason)


@pytest.mark.parametrize(
    "options",
    [{"batch": 0}, {"batch": 10_001}, {"speed": 0.0}, {"speed": -1.0}, {"speed": float("nan")}],
)
def test_replay_refuses_a_senseless_option(receiver, clock, options):
    with pytest.raises(ValueError, match="must be"):
        run(receiver, clock, minutes(1), **options)


def test_replay_asks_for_the_key_again_when_it_is_refused(receiver, clock):
    receiver.key = "new"
    keys = iter(["old", "new", "new"])

    report = run(receiver, clock, minutes(4), batch=2, api_key=lambda: next(keys))

    assert report == ReplayReport(rows=4, sent=4, accepted=4)
    assert receiver.keys == ["old", "new", "new"]


def test_replay_counts_rejected_readings_and_keeps_the_first_reasons(receiver, clock):
    samples = [replace(one, voltage=600.0) if n % 2 else one for n, one in enumerate(minutes(16))]

    report = run(receiver, clock, samples, batch=4)

    error = '{"voltage": ["Ensure this value is less than or equal to 500."]}'
    assert report == ReplayReport(
        rows=16,
        sent=16,
        accepted=8,
        rejected=8,
        reasons=tuple(f"2021-12-06T00:{minute:02}:00+00:00: {error}" for minute in (1, 3, 5, 7, 9)),
    )
    assert len(receiver.stored) == 8


def test_replay_one_by_one_counts_a_rejected_reading_and_goes_on(receiver, clock):
    samples = minutes(3)
    samples[1] = replace(samples[1], voltage=600.0)

    report = run(receiver, clock, samples, speed=60.0)

    assert (report.sent, report.accepted, report.rejected) == (3, 2, 1)
    assert [one["timestamp"] for one in receiver.requests] == [
        one.timestamp_ms / 1000 for one in samples
    ]


def test_replay_at_a_speed_keeps_the_readings_own_pace(receiver, clock):
    samples = [minutes(10)[n] for n in (0, 1, 2, 9)]

    report = run(receiver, clock, samples, speed=120.0)

    assert report == ReplayReport(rows=4, sent=4, accepted=4)
    assert [type(body) for body in receiver.requests] == [dict] * 4
    assert clock.slept == [0.5, 0.5, 3.5]


def test_replay_at_a_speed_catches_up_after_a_pause(receiver, clock):
    receiver.script = [Reply(201, {"reading_id": 1}), Reply(503, {}, {"Retry-After": "25"})]

    report = run(receiver, clock, minutes(5), speed=6.0)

    # 10 s a minute: two readings are late after the pause and follow at once, the fifth is on time.
    assert report == ReplayReport(rows=5, sent=5, accepted=5, retries=1)
    assert clock.slept == [10.0, 25.0, 5.0]


def test_replay_does_not_take_a_strangers_answer_for_an_acknowledgement(receiver, clock):
    receiver.script = [Reply(200, {"status": "success"})]

    with pytest.raises(ReplayError, match="not an answer of Wattkeep's"):
        run(receiver, clock, minutes(1), speed=1.0)


def test_replay_tells_its_progress_and_what_it_waits_for(receiver, clock):
    told: list[ReplayProgress] = []
    receiver.script = [Reply(503, {}, {"Retry-After": "3"})]

    run(receiver, clock, minutes(5), batch=3, progress=told.append)

    third, fifth = START_MS + 120_000, START_MS + 240_000
    waiting = "the server answers 503; trying again in 3.0 s"
    assert told == [
        ReplayProgress(ReplayReport(rows=3, retries=1), third, waiting),
        ReplayProgress(ReplayReport(rows=3, sent=3, accepted=3, retries=1), third),
        ReplayProgress(ReplayReport(rows=5, sent=5, accepted=5, retries=1), fifth),
    ]


def test_replay_of_a_file_reports_the_files_rows_and_gaps(receiver, clock, tmp_path: Path):
    path = tmp_path / "day.txt"
    path.write_text(
        "Date;Time;Global_active_power;Global_reactive_power;Voltage;Global_intensity\n"
        "3/12/2007;00:00:00;0.600;0.000;240.000;2.600\n"
        "3/12/2007;00:01:00;?;?;?;?\n"
        "3/12/2007;00:02:00;1.200;0.000;240.000;5.000\n"
        "3/12/2007;00:03:00;?;?;?;?\n"
    )
    tally = Tally()

    report = run(receiver, clock, read_samples(path, tally=tally), tally=tally)

    assert report == ReplayReport(rows=4, sent=3, accepted=3, skipped=2)
    assert [one["energy"] for one in receiver.stored.values()] == [0.0, 0.01, 0.03]


def test_replay_body_of_the_largest_batch_is_below_two_mebibytes(receiver, clock):
    widest = Sample(1_638_748_800_123, 243.82, 48.4, 11_122.123, 37_700.123, 50.25, 0.98)
    samples = [replace(widest, timestamp_ms=widest.timestamp_ms + n) for n in range(10_000)]

    run(receiver, clock, samples, batch=10_000)

    assert len(json.dumps(receiver.requests[0])) < 2 * 1024 * 1024
