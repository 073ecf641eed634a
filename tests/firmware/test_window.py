from __future__ import annotations

from sim.on_micropython import needs_micropython, run_script

pytestmark = needs_micropython

ALARM = 1
AFTER_SILENCE = 2

MEANS = """
from window import Window
window = Window()
results = []
for polls in data:
    for values in polls:
        window.add(values)
    means = [-1] * 8
    window.close(means)
    results.append(means)
answer(results)
"""


def test_a_window_holds_means_and_the_last_counter(tmp_path):
    polls = [
        [2300, 1000, 2300, 100, 500, 100, 0],
        [2301, 1001, 2303, 101, 501, 99, 1],
        [2301, 1004, 2305, 103, 501, 98, 0],
    ]

    windows = run_script(tmp_path, MEANS, [polls, [], polls[:1], polls[1:2] * 100])

    assert windows == [
        [2301, 1002, 2303, 103, 501, 99, 3, ALARM],
        [0] * 8,
        [2300, 1000, 2300, 100, 500, 100, 1, AFTER_SILENCE],
        [2301, 1001, 2303, 101, 501, 99, 100, ALARM],
    ]


def test_the_longest_window_of_the_largest_load_does_not_overflow(tmp_path):
    largest = [2800, 110_000, 299_000, 9_999_999, 700, 100, 0]
    script = MEANS.replace("for values in polls", "for values in [polls[0]] * 3000")

    assert run_script(tmp_path, script, [[largest]]) == [[*largest[:6], 3000, 0]]
