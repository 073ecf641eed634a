"""What waits on flash: in order, once, thinned where it does not fit."""

from __future__ import annotations

import pytest

from sim.on_micropython import needs_micropython, run_script

pytestmark = needs_micropython

STORE = """
import os
from clock import Clock
from store import Store, region_bytes

clock = Clock(0)
memory = bytearray(region_bytes(1))

def restart(boot, most=96):
    global store
    store = Store("queue", memoryview(memory), boot, clock, most)

def fill(count, power=lambda seq: 1000, samples=lambda seq: 100):
    global seq
    for _ in range(count):
        seq += 1
        clock.ds += 100
        store.add([2300, 4348, power(seq), seq * 10, 500, 98, samples(seq), 0], seq)
    store.save_region()

def cut_power():
    memory[:] = bytearray(len(memory))

def drain(most=1000):
    rows = []
    while len(rows) < most:
        described = store.start_batch()
        if described is None:
            break
        boot = described[0]
        batch = []
        while True:
            record = store.next_record()
            if record is None or len(batch) == 12:
                break
            batch.append([boot, record[5], record[8], record[9], record[4], record[6]])
        store.end_batch()
        rows += batch
        store.drop(boot, batch[-1][1])
    return rows

seq = 0
restart(7)
"""


def run_store(folder, steps):
    return run_script(folder, STORE + steps)


def test_windows_come_out_in_order_and_once(tmp_path):
    steps = """
fill(400); before = store.waiting
answer([before, [r[1] for r in drain()], store.waiting])
"""

    assert run_store(tmp_path, steps) == [400, list(range(1, 401)), 0]


def test_nothing_touches_flash_while_the_server_answers(tmp_path):
    steps = """
for _ in range(100):
    fill(1)
    store.drop(7, seq)
answer([store.waiting, os.listdir("queue")])
"""
    assert run_store(tmp_path, steps) == [0, []]


def test_six_windows_are_one_write(tmp_path):
    steps = """
sizes = []
for _ in range(14):
    fill(1)
    sizes.append(sum(os.stat("queue/" + name)[6] for name in os.listdir("queue")) // 28)
answer(sizes)
"""
    assert run_store(tmp_path, steps) == [0] * 6 + [7] * 6 + [13] * 2


def test_a_reset_keeps_what_was_in_memory_and_a_power_cut_loses_at_most_six(tmp_path):
    steps = """
fill(10); restart(8); seq = 0; fill(2)
cut_power(); restart(9); seq = 0; fill(1)
answer([[r[0], r[1]] for r in drain()])
"""
    kept = [[7, seq] for seq in range(1, 11)]

    assert run_store(tmp_path, steps) == [*kept, [9, 1]]


def test_memory_that_is_noise_is_not_taken_for_windows(tmp_path):
    steps = """
fill(3); memory[40] ^= 1; restart(8)
answer(drain())
"""
    assert run_store(tmp_path, steps) == []


def test_an_acknowledgement_of_one_start_drops_nothing_of_another(tmp_path):
    steps = """
fill(12); restart(8); seq = 0; fill(9)
store.drop(8, 3)
answer([[r[0], r[1]] for r in drain()])
"""
    # Its own are on flash behind the older start's, and are sent once more: that doubles nothing.
    rows = run_store(tmp_path, steps)

    assert rows[:12] == [[7, seq] for seq in range(1, 13)]
    assert rows[-6:] == [[8, seq] for seq in range(4, 10)]


FULL = """
restart(7, 6)
fill({count}, power=lambda seq: 1000 if seq % 2 else 3000, samples=lambda seq: 10)
files = len(os.listdir("queue"))
rows = drain(10000)
answer([files, rows, store.waiting])
"""


@pytest.mark.parametrize("count", [1000, 3000, 6000])
def test_a_full_store_thins_and_the_counter_stays_exact(tmp_path, count):
    files, rows, waiting = run_store(tmp_path, FULL.format(count=count))

    seqs = [row[1] for row in rows]
    assert files <= 7
    assert waiting == 0
    assert seqs == sorted(set(seqs))
    assert seqs[-1] == count
    # Each counter is one the meter showed, at the number and time it showed it.
    assert all(row[3] == row[1] * 10 and row[5] == row[1] * 100 for row in rows)
    # The first window is covered by the oldest mean: what was used in all is still known.
    assert rows[0][1] <= 2 ** (count // 500 + 1)
    assert sum(row[4] for row in rows) == count * 10
    weighted = sum(row[2] * row[4] for row in rows) / sum(row[4] for row in rows)
    assert weighted == pytest.approx(2000, abs=2)


def test_silence_beside_a_window_does_not_bend_it(tmp_path):
    steps = """
restart(7, 4)
fill(1200, samples=lambda seq: 0 if seq % 3 == 0 else 100)
rows = [r for r in drain(10000) if r[4]]
answer([min(r[2] for r in rows), max(r[2] for r in rows)])
"""
    assert run_store(tmp_path, steps) == [1000, 1000]


def test_a_thinning_that_was_cut_short_is_tidied_up(tmp_path):
    steps = """
fill(600)
name = sorted(os.listdir("queue"))[1]
with open("queue/" + name, "rb") as file, open("queue/%x" % (int(name, 16) + 1), "wb") as other:
    other.write(file.read())
open("queue/half", "w").close()
restart(7)
names = os.listdir("queue")
answer(["half" in names, name in names, [r[1] for r in drain()] == list(range(1, 601))])
"""
    assert run_store(tmp_path, steps) == [False, False, True]
