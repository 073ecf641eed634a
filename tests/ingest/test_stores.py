"""What a commit does, the same in SQLite, in PostgreSQL and without ON CONFLICT."""

import random
import shutil
import sqlite3
import time

import psycopg
import pytest

from wattkeep.domain.readings import Reading, Run
from wattkeep.domain.sequence import MOST_RUNS
from wattkeep.ingest.batches import Batch, Board, Stored, Windows
from wattkeep.ingest.sqlite_store import SqliteStore
from wattkeep.ingest.stores import StoreUnavailable

T = 1_795_000_000_000


def reading(at_ms=T, power=100.0, device_id=1):
    return Reading(device_id, at_ms, 230.0, 1.0, power, 12.5, 50.0, 0.99)


def told(*readings):
    """A batch whose times the sender told."""
    return Batch(readings[0].device_id, list(readings), [False] * len(readings), is_array=True)


def run(*seconds, device_id=1):
    """A batch kept as columns, of readings so many seconds after `T`."""
    instants = [T + 1000 * second for second in seconds]
    measured = [[value] * len(instants) for value in reading()[2:]]
    return Batch(
        device_id, Run(device_id, instants, measured), [False] * len(instants), is_array=True
    )


def stamped(*readings):
    return Batch(readings[0].device_id, list(readings), [True] * len(readings))


def numbered(*seqs, boot="b1", device_id=1, silent=(), refused=(), oldest=0, at_ms=T):
    """An envelope whose window `seq` was measured `seq` seconds after `T`, with power `seq`."""
    readings = [reading(T + seq * 1000, float(seq), device_id) for seq in seqs]
    windows = Windows(
        boot,
        at_ms,
        Board("1.0.0", 100, -60, 20_000),
        list(seqs),
        [(seq, T + seq * 1000) for seq in silent],
        list(refused),
        oldest,
    )
    return Batch(device_id, readings, [True] * len(readings), windows=windows)


def rows(*readings):
    return [tuple(one) for one in sorted(readings)]


def test_new_readings_are_stored_as_they_are(database):
    first, second = reading(), reading(T + 1, 200.0)

    stored = database.store.commit([told(first), stamped(second)], [])

    assert stored == [Stored([first], 0, T), Stored([second], 0, T + 1)]
    assert database.readings() == rows(first, second)


def test_the_same_reading_again_is_a_duplicate_with_the_same_answer(database):
    database.store.commit([told(reading())], [])

    stored = database.store.commit([told(reading(power=999.0), reading(T + 5))], [])

    assert stored == [Stored([reading(T + 5)], 1, T + 5)]
    assert database.store.commit([told(reading())], []) == [Stored([], 1, T)]
    assert database.readings() == rows(reading(), reading(T + 5))


def test_twins_in_one_commit_are_stored_once(database):
    stored = database.store.commit([told(reading()), told(reading(), reading(T + 1))], [])

    assert stored == [Stored([reading()], 0, T), Stored([reading(T + 1)], 1, T + 1)]


def test_runs_are_stored_as_their_readings_would_be(database):
    long, other = run(*range(0, -1100, -1)), run(*range(400), device_id=2)

    outcomes = database.store.commit([long, stamped(reading(T, 7.0)), other], [])

    assert [(len(one.readings), one.duplicates) for one in outcomes] == [
        (1100, 0),
        (1, 0),
        (400, 0),
    ]
    assert [one.reading_id for one in outcomes] == [T - 1_099_000, T + 1, T + 399_000]
    assert outcomes[1].readings == [reading(T + 1, 7.0)]
    assert database.readings() == rows(*long.readings, *other.readings, reading(T + 1, 7.0))


def test_of_a_run_sent_again_only_what_is_new_is_stored(database):
    database.store.commit([run(*range(350)), run(*range(350), device_id=2)], [])

    outcomes = database.store.commit(
        [run(*range(100, 450)), run(*range(350), device_id=2), run(*range(350), device_id=3)], []
    )

    assert [(len(one.readings), one.duplicates) for one in outcomes] == [
        (100, 250),
        (0, 350),
        (350, 0),
    ]
    assert [one.reading_id for one in outcomes] == [T + 449_000, T + 349_000, T + 349_000]
    assert len(database.readings()) == 450 + 350 + 350


def test_what_we_stamp_moves_to_the_next_free_millisecond(database):
    database.store.commit([told(reading(T), reading(T + 1))], [])

    stored = database.store.commit([stamped(reading(T, 7.0)), stamped(reading(T, 8.0))], [])

    assert stored == [
        Stored([reading(T + 2, 7.0)], 0, T + 2),
        Stored([reading(T + 3, 8.0)], 0, T + 3),
    ]
    assert len(database.readings()) == 4


def test_devices_do_not_touch_each_other(database):
    database.store.commit([told(reading(device_id=1))], [])

    stored = database.store.commit([told(reading(device_id=2))], [])

    assert stored[0].duplicates == 0
    assert len(database.readings()) == 2


@pytest.mark.parametrize("known", [0, 1, 1500, 3000])
def test_large_commits_find_every_duplicate(database, known):
    everything = [reading(T + n) for n in range(3000)]
    if known:
        database.store.commit([told(*everything[:known])], [])

    (stored,) = database.store.commit([told(*everything)], [])

    assert (stored.duplicates, len(stored.readings)) == (known, 3000 - known)
    assert len(database.readings()) == 3000


def test_contacts_only_move_forward(database):
    database.store.commit([], [(1, T), (2, T)])
    database.store.commit([told(reading())], [(1, T - 5), (2, T + 5)])

    assert database.boots() == [(1, "", 0, "", T), (2, "", 0, "", T + 5)]


def test_windows_are_stored_once_and_acknowledged(database):
    first = database.store.commit([numbered(1, 2)], [])
    again = database.store.commit([numbered(1, 2, 3, at_ms=T + 9)], [])

    assert first == [Stored(numbered(1, 2).readings, 0, T + 2000, ack=2)]
    assert again == [Stored(numbered(3).readings, 2, T + 3000, ack=3)]
    assert database.boots() == [(1, "b1", 3, "", T + 9)]
    assert [power for _, _, _, _, power, *_ in database.readings()] == [1, 2, 3]


def test_a_replayed_body_changes_nothing(database):
    database.store.commit([numbered(1, 2)], [])
    before = database.readings(), database.boots(), database.events()

    stored = database.store.commit([numbered(1, 2, at_ms=T + 99_000)], [])

    assert stored == [Stored([], 2, None, ack=2)]
    assert (database.readings(), database.boots(), database.events()) == before


def test_windows_out_of_order_close_the_gap(database):
    acks = [
        database.store.commit([numbered(*seqs)], [])[0].ack
        for seqs in ([5], [2], [1], [5, 6], [4, 3])
    ]

    assert acks == [0, 0, 2, 2, 6]
    assert sorted(row[4] for row in database.readings()) == [1, 2, 3, 4, 5, 6]


def test_any_order_with_any_repeats_stores_each_window_once(database):
    chance = random.Random(7)
    posts = [list(range(start, start + 5)) for start in range(1, 200, 5)] * 2
    chance.shuffle(posts)
    while posts:
        group = [numbered(*posts.pop()) for _ in range(min(len(posts), chance.randint(1, 4)))]
        database.store.commit(group, [])

    assert [row[4] for row in database.readings()] == list(range(1, 201))
    assert database.boots() == [(1, "b1", 200, "", T)]


def test_two_windows_of_one_instant_are_both_kept(database):
    batch = numbered(1, 2)
    batch.readings[1] = batch.readings[1]._replace(timestamp_ms=T + 1000)

    (stored,) = database.store.commit([batch], [])

    assert [row.timestamp_ms for row in stored.readings] == [T + 1000, T + 1001]


def test_a_boot_of_its_own_has_numbers_of_its_own(database):
    stored = database.store.commit(
        [numbered(1), numbered(1, boot="b2", at_ms=T + 1), numbered(1, device_id=2)], []
    )

    assert [(one.ack, one.duplicates) for one in stored] == [(1, 0)] * 3
    assert len(database.readings()) == 3
    assert [event[1] for event in database.events()] == ["boot"] * 3


def test_refused_windows_are_settled(database):
    (stored,) = database.store.commit([numbered(1, 3, refused=[2])], [])

    assert (stored.ack, stored.duplicates) == (3, 0)


def test_what_the_board_no_longer_has_is_settled(database):
    database.store.commit([numbered(1)], [])
    assert database.store.commit([numbered(50)], [])[0].ack == 1

    (stored,) = database.store.commit([numbered(50, 51, oldest=50)], [])

    assert (stored.ack, stored.duplicates, len(stored.readings)) == (51, 1, 1)


def test_silence_is_an_event_and_joins_what_it_continues(database):
    database.store.commit([numbered(1, silent=[2, 3])], [])
    database.store.commit([numbered(silent=[4, 5])], [])
    database.store.commit([numbered(6, silent=[90])], [])
    (stored,) = database.store.commit([numbered(silent=[5, 90])], [])

    assert (stored.duplicates, stored.ack) == (2, 6)
    silences = [event for event in database.events() if event[1] == "silent"]
    assert silences == [(1, "silent", T + 2000, 4), (1, "silent", T + 90_000, 1)]
    assert len(database.readings()) == 2


def test_a_boot_with_too_many_holes_waits_alone(database):
    holes = [3 + 2 * n for n in range(MOST_RUNS)]
    database.store.commit([numbered(*holes)], [])

    bad, good = database.store.commit([numbered(10_000), numbered(1, device_id=2)], [])

    assert isinstance(bad, StoreUnavailable)
    assert (good.ack, len(good.readings)) == (1, 1)
    assert database.store.commit([numbered(10_000, oldest=10_000)], [])[0].ack == 10_000


def test_an_empty_envelope_answers_how_far_we_are(database):
    database.store.commit([numbered(1, 2)], [])

    assert database.store.commit([numbered()], []) == [Stored([], 0, None, ack=2)]


def test_many_groups_of_every_kind_at_once(database):
    group = []
    for device_id in range(1, 41):
        group += [
            numbered(1, 2, device_id=device_id),
            told(reading(T + 500_000, device_id=device_id)),
            stamped(reading(T + 1000, device_id=device_id)),
        ]

    stored = database.store.commit(group, [(n, T) for n in range(1, 41)])

    assert sum(len(one.readings) for one in stored) == len(database.readings()) == 160
    assert len(database.boots()) == 80


# -- when the database goes away -------------------------------------------------------------


def test_sqlite_locked_stores_nothing_and_goes_on_later(sqlite_template, tmp_path):
    path = tmp_path / "wattkeep.sqlite3"
    shutil.copy(sqlite_template, path)
    store = SqliteStore(str(path), busy_timeout_ms=50)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreUnavailable):
        store.commit([told(reading())], [])
    other.execute("ROLLBACK")

    assert store.commit([told(reading())], []) == [Stored([reading()], 0, T)]
    other.close()
    store.close()


def test_sqlite_file_that_is_gone_is_not_made_anew(tmp_path):
    store = SqliteStore(str(tmp_path / "gone.sqlite3"))

    with pytest.raises(StoreUnavailable):
        store.commit([told(reading())], [])
    assert not (tmp_path / "gone.sqlite3").exists()


@pytest.mark.parametrize("database", ["postgres", "distributed"], indirect=True)
def test_a_lost_connection_is_made_anew(database, postgres_tables):
    database.store.commit([numbered(1)], [])
    with psycopg.connect(postgres_tables, autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    stored = database.store.commit([numbered(1, 2), stamped(reading(T + 77))], [(1, T)])

    assert [one.duplicates for one in stored] == [1, 0]
    assert len(database.readings()) == 3


@pytest.mark.parametrize("database", ["postgres", "distributed"], indirect=True)
def test_a_commit_that_went_through_unheard_is_not_doubled(database):
    """The connection breaks after COMMIT and before its answer: everything is tried again."""

    class Broken:
        """A connection that loses the first commit's answer."""

        def __init__(self, real):
            self.real = real

        def __getattr__(self, name):
            return getattr(self.real, name)

        def transaction(self):
            outer = self.real.transaction()

            class Losing:
                def __enter__(self):
                    return outer.__enter__()

                def __exit__(self, *error):
                    outer.__exit__(*error)
                    raise psycopg.OperationalError("server closed the connection unexpectedly")

            return Losing()

    store = database.store
    store._connection = Broken(store._db)
    group = [stamped(reading(T, 5.0)), numbered(1, 2), told(reading(T + 9))]

    stored = store.commit(group, [])

    assert stored[0].reading_id == T
    assert stored[1].ack == 2
    assert len(database.readings()) == 4


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_plain_group_that_went_through_unheard_is_not_doubled(database):
    """The connection breaks after the one statement that was the commit."""

    class Losing:
        def __init__(self, real):
            self.real = real

        def __getattr__(self, name):
            return getattr(self.real, name)

        def exec_prepared(self, *arguments):
            self.real.exec_prepared(*arguments)
            self.real.finish()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    class Connected:
        def __init__(self, real):
            self.pgconn = Losing(real.pgconn)
            self.close = real.close

    store = database.store
    store._clock = lambda: T / 1000  # what comes late goes another way
    store.commit([stamped(reading(T - 1), reading(T - 1, device_id=2))], [])
    store._connection = Connected(store._db)

    stored = store.commit([stamped(reading(T, 5.0), reading(T, 6.0, 2)), told(reading(T + 9))], [])

    assert store._connection is not None
    assert not isinstance(store._connection, Connected)
    assert stored[0] == Stored([reading(T, 5.0), reading(T, 6.0, 2)], 0, T)
    assert stored[1].duplicates == 1
    assert len(database.readings()) == 5


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_plain_group_on_a_connection_that_was_lost_is_stored(database, postgres_tables):
    database.store.commit([stamped(reading())], [])
    with psycopg.connect(postgres_tables, autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    stored = database.store.commit([stamped(reading(T + 1))], [(1, T + 1)])

    assert stored == [Stored([reading(T + 1)], 0, T + 1)]
    assert len(database.readings()) == 2


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_plain_group_is_stored_after_its_statements_were_let_go(database):
    # psycopg lets go of every prepared statement of a connection on which something was undone.
    now_ms = int(time.time() * 1000)
    old = [reading(T + n, device_id=2) for n in range(3000)]
    database.store.commit([told(*old)], [])
    for seq in range(1, 9):
        database.store.commit([numbered(seq, at_ms=now_ms)], [])
    for n in range(2):
        database.store.commit([stamped(reading(now_ms + n, device_id=3))], [])
    assert database.store.commit([told(*old)], [])[0].duplicates == 3000

    stored = database.store.commit([stamped(reading(now_ms + 2, device_id=3))], [])

    assert stored == [Stored([reading(now_ms + 2, device_id=3)], 0, now_ms + 2)]


def test_readings_and_contacts_of_many_devices_go_together(database):
    many = [reading(T + number % 3, float(number), number % 50) for number in range(150)]
    contacts = [(device_id, T + device_id) for device_id in range(49, -1, -1)]

    stored = database.store.commit([stamped(*many)], contacts)
    again = database.store.commit([stamped(*many)], [])

    assert stored == [Stored(many, 0, many[-1].timestamp_ms)]
    assert again[0].duplicates == 0
    assert {row[:2] for row in database.readings()} >= {row[:2] for row in many}
    assert len(database.readings()) == 300
    assert database.boots() == [(n, "", 0, "", T + n) for n in range(50)]


@pytest.mark.parametrize("heard", [[], [1], [1, 2]], ids=["none heard", "its own", "two heard"])
def test_one_reading_goes_with_the_contacts_there_are(database, heard):
    database.store._clock = lambda: T / 1000  # what comes late goes another way
    database.store.commit([stamped(reading(T - 1))], [])

    stored = database.store.commit([stamped(reading())], [(one, T + one) for one in heard])
    again = database.store.commit([told(reading())], [(one, T + 9) for one in heard])

    assert stored == [Stored([reading()], 0, T)]
    assert again[0].duplicates == 1
    assert database.readings() == rows(reading(T - 1), reading())
    assert database.boots() == [(one, "", 0, "", T + 9) for one in heard]


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("count", [1, 3])
def test_plain_readings_need_nothing_prepared(database, count):
    """Behind PgBouncer the next statement may be on another connection."""
    store = database.store
    store._is_bounced = True
    store._clock = lambda: T / 1000
    store.commit([stamped(reading(T - 1))], [])
    many = [reading(T + number) for number in range(count)]

    stored = store.commit([stamped(*many)], [(1, T)])

    assert stored == [Stored(many, 0, many[-1].timestamp_ms)]
    assert database.readings() == rows(reading(T - 1), *many)
    assert database.boots() == [(1, "", 0, "", T)]
    assert store._db.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_server_that_stays_away_is_unavailable_and_comes_back(database, postgres_tables):
    store = database.store
    store.close()
    right = store._parameters
    store._parameters = {**right, "conninfo": "host=127.0.0.1 port=1"}
    store._retry_s = 0.2

    with pytest.raises(StoreUnavailable):
        store.commit([told(reading())], [])
    store._parameters = right

    assert store.commit([told(reading())], []) == [Stored([reading()], 0, T)]
