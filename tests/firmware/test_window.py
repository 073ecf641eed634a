from __future__ import annotations

from sim.on_micropython import needs_micropython, run_script

pytestmark = needs_micropython

MEANS = """
from window import Window
window = Window()
results = []
for polls in data:
    for values in polls:
        window.add(values)
    means = [-1] * 6
    results.append(means if window.close(means) else None)
answer(results)
"""


def test_a_window_holds_means_and_the_last_counter(tmp_path):
    polls = [
        [2300, 1000, 2300, 100, 500, 100, 0],
        [2301, 1001, 2303, 101, 501, 99, 1],
        [2301, 1004, 2305, 103, 501, 98, 0],
    ]

    assert run_script(tmp_path, MEANS, [polls, [], polls[:1], polls[1:2] * 100]) == [
        [2301, 1002, 2303, 103, 501, 99],
        None,
        [2300, 1000, 2300, 100, 500, 100],
        [2301, 1001, 2303, 101, 501, 99],
    ]


def test_the_longest_window_of_the_largest_load_does_not_overflow(tmp_path):
    largest = [2800, 110_000, 299_000, 9_999_999, 700, 100, 0]
    script = MEANS.replace("for values in polls", "for values in [polls[0]] * 3000")

    assert run_script(tmp_path, script, [[largest]]) == [largest[:6]]


RING = """
from window import Ring
ring = Ring(data["size"])
results = []
for name, argument in data["steps"]:
    if name == "push":
        results.append(ring.push([2300, argument, 5, 9999999, 500, 100], argument))
    elif name == "read":
        record = ring.read(argument)
        results.append(record and record[1])
    elif name == "drop":
        ring.drop(argument)
    elif name == "expire":
        ring.expire(argument)
    elif name == "oldest":
        results.append(ring.oldest())
answer({"results": results, "waiting": len(ring), "lost": ring.lost})
"""


def run_ring(folder, size, *steps):
    return run_script(folder, RING, {"size": size, "steps": steps})


def test_ring_gives_up_the_oldest_and_numbers_stay_right(tmp_path):
    pushes = [("push", current) for current in (10, 11, 12, 13, 14)]

    ran = run_ring(tmp_path, 3, *pushes, ("oldest", 0), ("read", 1), ("read", 2), ("read", 4))

    assert ran == {"results": [0, 1, 2, 3, 4, 2, None, 12, 14], "waiting": 3, "lost": 2}


def test_ring_drops_from_the_middle_and_skips_the_hole_later(tmp_path):
    pushes = [("push", current) for current in (10, 11, 12)]

    ran = run_ring(
        tmp_path, 3, *pushes, ("drop", 1), ("oldest", 0), ("drop", 0), ("oldest", 0), ("drop", 1)
    )

    assert ran == {"results": [0, 1, 2, 0, 2], "waiting": 1, "lost": 0}


def test_ring_counts_what_waits_and_not_the_holes(tmp_path):
    pushes = [("push", current) for current in (10, 11, 12)]

    assert run_ring(tmp_path, 3, *pushes, ("drop", 1), ("drop", 1), ("drop", 9))["waiting"] == 2


def test_ring_never_keeps_a_window_until_the_ticks_come_round(tmp_path):
    day_ms = 86_400_000

    ran = run_ring(
        tmp_path, 3, ("push", 1000), ("push", 50_000), ("expire", 1001 + day_ms), ("oldest", 0)
    )

    assert ran == {"results": [0, 1, 1], "waiting": 1, "lost": 1}
