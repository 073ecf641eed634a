"""How virtual boards take a server's answers, over real connections to a scripted one."""

import asyncio
import hmac
import json
from collections import Counter
from dataclasses import asdict
from random import Random

import pytest

from sim_fleet.scripted import HANG_UP, scripted
from wattkeep.domain.keys import signing_key
from wattkeep.sim.fleet import Fleet, FleetPlan
from wattkeep.sim.fleet_count import Latencies, Tally
from wattkeep.sim.fleet_device import Device, Faults, Street
from wattkeep.sim.fleet_wire import Target

PATIENCE_S = 60
CALM = Faults(outages=0, silences=0, lost_answers=0)
KEY = "prefix_secret"


def run(*script, duration_s=0.35, keys=(KEY,), faults=CALM, **plan):
    """Run a fleet that posts every 0.1 s; return the server's view, and the fleet's."""

    async def both():
        async with scripted(*script) as server:
            wanted = FleetPlan(
                server.url,
                interval_s=0.1,
                duration_s=duration_s,
                drain_s=PATIENCE_S,
                faults=faults,
                seed=1,
                **plan,
            )
            return server, await Fleet(wanted, keys, lambda _: None).run()

    return asyncio.run(both())


def everything_arrived(report):
    tally = report.tally
    return tally.made > 0 and (tally.acked, tally.backlog) == (tally.made, 0)


def test_a_calm_fleet_posts_each_window_once():
    server, report = run(keys=("a_1", "b_2", "c_3"))

    tally = report.tally
    assert everything_arrived(report)
    assert (tally.requests, tally.answers, tally.sent) == (tally.made, tally.made, tally.made)
    assert (tally.duplicates, tally.retries, tally.errors) == (0, 0, Counter())
    assert {post.headers["x-api-key"] for post in server.posts} == {"a_1", "b_2", "c_3"}
    assert {post.headers["content-type"] for post in server.posts} == {"application/json"}


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ((503, {}, {"error": "later"}), "status 503"),
        ((429, {}, {"error": "later"}), "status 429"),
        ((408, {}, {"error": "later"}), "status 408"),
        (HANG_UP, "connection lost"),
        ((201, {}, {"status": "success"}), "answer not understood"),
        ((201, {}, {"ack": 9, "accepted": 5, "duplicates": 0}), "answer does not account for ever"),
    ],
    ids=["503", "429", "408", "hung up", "not an ack", "wrong count"],
)
def test_a_failure_that_may_pass_is_tried_again(step, kind):
    server, report = run(step)

    first, again = server.posts[:2]
    assert everything_arrived(report)
    assert [name[:32] for name in report.tally.errors] == [kind]
    assert (report.tally.errors.total(), report.tally.retries) == (1, 1)
    assert first.body["readings"][0][0] == 1
    assert (first.body["readings"][0][9] & 4, again.body["boot"]) == (0, first.body["boot"])
    # Sooner or later it goes with the backlog, and says so.
    late = [row for post in server.posts[1:] for row in post.body["readings"] if row[0] == 1]
    assert [row[9] & 4 for row in late] == [4]


class HastyTarget(Target):
    """Its first connection is gone by the time that whoever asked for it has their turn."""

    hurried = False

    async def connect(self, connection):
        await super().connect(connection)
        if not self.hurried:
            self.hurried = True
            connection.close()


def test_a_server_that_hangs_up_at_once_is_tried_again():
    async def both():
        async with scripted() as server:
            target = HastyTarget(**asdict(Target.parse(server.url)))
            await target.resolve()
            street = Street(target, 0.05, CALM, Tally(), Latencies())
            device = Device(street, KEY, Random(1), first_window_s=0)
            async with asyncio.timeout(PATIENCE_S):
                while not street.tally.acked:  # noqa: ASYNC110 - a count, no event
                    await asyncio.sleep(0.01)
            device.hang_up()
            return street.tally

    tally = asyncio.run(both())

    assert tally.errors == {"connection lost": 1}
    assert tally.retries == 1


def test_retry_after_is_honoured():
    server, report = run((503, {"Retry-After": 1}, {"error": "later"}))

    assert everything_arrived(report)
    assert server.posts[1].at_s - server.posts[0].at_s >= 1


def test_a_refusal_for_good_parks_the_windows_and_goes_on():
    refusal = (400, {}, {"error": "no"})

    _, report = run(refusal)

    tally = report.tally
    assert (tally.parked, tally.backlog, tally.retries) == (1, 0, 0)
    assert tally.acked == tally.made - 1
    assert tally.errors == {"status 400": 1}
    assert json.loads(report.refusal) == {"error": "no"}


def test_a_window_refused_in_a_good_answer_is_not_called_acknowledged():
    rejected = [{"index": 0, "errors": {}}]
    verdict = {"ack": 1, "accepted": 0, "duplicates": 0, "rejected": rejected}

    _, report = run((201, {}, verdict))

    tally = report.tally
    assert (tally.refused, tally.backlog) == (1, 0)
    assert tally.acked == tally.made - 1


def test_an_answer_that_is_not_waited_for_is_made_up_for():
    _, report = run(faults=Faults(outages=0, silences=0, lost_answers=0.5), duration_s=1.5)

    assert everything_arrived(report)
    assert report.tally.lost_answers > 0
    assert report.tally.errors == Counter()


def test_outages_are_uploaded_as_backlog():
    faults = Faults(outages=0.5, outage_windows=3, silences=0, lost_answers=0)

    server, report = run(keys=("a_1", "b_2", "c_3", "d_4"), faults=faults, duration_s=2)

    batches = [post.body["readings"] for post in server.posts]
    assert everything_arrived(report)
    assert any(len(rows) > 1 for rows in batches)
    for rows in batches:
        assert [row[0] for row in rows] == list(range(rows[0][0], rows[0][0] + len(rows)))
        assert {row[9] & 4 for row in rows} == {4} or len(rows) == 1


def test_silent_windows_are_six_nulls_and_no_readings():
    server, report = run(faults=Faults(outages=0, silences=0.5, lost_answers=0), duration_s=1.5)

    rows = [row for post in server.posts for row in post.body["readings"]]
    silent = [row for row in rows if row[2:8] == [None] * 6]
    assert 0 < len(silent) == report.tally.silent < len(rows)
    assert report.tally.acked == len(rows) - len(silent)
    assert report.tally.backlog == 0


def test_a_full_buffer_is_counted_as_lost():
    faults = Faults(outages=0.9, outage_windows=30, silences=0, lost_answers=0, most_kept=2)

    _, report = run(keys=("a_1", "b_2", "c_3", "d_4"), faults=faults, duration_s=1.5)

    tally = report.tally
    assert tally.overflowed > 0
    assert tally.acked == tally.made - tally.overflowed
    assert tally.backlog == 0


def test_signed_bodies_carry_no_key():
    server, report = run(is_signed=True)

    post = server.posts[0]
    expected = hmac.digest(signing_key(KEY), as_sent(post.body), "sha256").hex()
    assert everything_arrived(report)
    assert (post.headers["x-device"], "x-api-key" in post.headers) == ("prefix", False)
    assert post.headers["x-signature"] == f"sha256={expected}"


def as_sent(body):
    return json.dumps(body, separators=(",", ":")).encode()


def test_a_server_that_is_not_there_leaves_everything_waiting():
    async def alone():
        async with scripted() as server:
            url = server.url
        plan = FleetPlan(url, interval_s=0.1, duration_s=0.35, drain_s=0.1, faults=CALM)
        return await Fleet(plan, [KEY], lambda _: None).run()

    report = asyncio.run(alone())

    assert (report.tally.acked, report.tally.backlog) == (0, report.tally.made)
    assert set(report.tally.errors) == {"no connection: Connection refused"}
