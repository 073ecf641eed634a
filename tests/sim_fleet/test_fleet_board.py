"""What a virtual board keeps and what it sends next."""

import json

from wattkeep.sim.fleet_board import BATCH_WINDOWS, FIRST_AFTER_SILENCE, WAS_BUFFERED, Board

VALUES = "2301,500,1100,7,500,96"


def board_with(windows, *, most_kept=1000):
    board = Board("9f3c21aa", started_s=0.0, most_kept=most_kept)
    for number in range(1, windows + 1):
        board.close_window(VALUES, 10, now_s=float(number))
    return board


def seqs(batch):
    return [window.seq for window in batch.windows]


def test_the_live_window_goes_first_then_the_oldest():
    board = board_with(120)

    live = board.choose()
    backlog = board.choose()

    assert (seqs(live), live.is_backlog) == ([120], False)
    assert (seqs(backlog), backlog.is_backlog) == (list(range(1, BATCH_WINDOWS + 1)), True)


def test_at_most_four_backlog_batches_go_between_two_live_windows():
    board = board_with(3)
    board.choose()

    chosen = [board.choose() for _ in range(6)]

    assert [batch is not None for batch in chosen] == [True] * 4 + [False] * 2
    assert board.choose(is_draining=True) is not None
    board.close_window(VALUES, 10, now_s=4.0)
    assert seqs(board.choose()) == [4]
    assert board.choose() is not None


def test_a_server_slower_than_the_windows_gets_live_ones_and_backlog_in_turn():
    board = board_with(200)
    chosen = []
    for number in range(201, 205):
        chosen.append(board.choose())
        board.close_window(VALUES, 10, now_s=float(number))

    assert [(seqs(batch)[0], batch.is_backlog) for batch in chosen] == [
        (200, False),
        (1, True),
        (202, False),
        (1, True),
    ]


def test_a_live_window_that_went_with_the_backlog_does_not_go_alone():
    board = board_with(1)
    board.choose()
    board.close_window(VALUES, 10, now_s=2.0)

    assert seqs(board.choose()) == [1, 2]
    board.settle(ack=2)
    assert board.choose() is None


def test_only_what_is_acknowledged_is_dropped():
    board = board_with(5)

    settled = board.settle(ack=3)

    assert [window.seq for window in settled] == [1, 2, 3]
    assert [window.seq for window in board.kept] == [4, 5]
    assert board.settle(ack=3) == []


def test_what_the_server_will_never_take_is_dropped_alone():
    board = board_with(4)

    assert board.drop({2, 9}) == 1
    assert [window.seq for window in board.kept] == [1, 3, 4]


def test_a_full_buffer_loses_its_oldest_window_and_counts_it():
    board = board_with(5, most_kept=3)

    assert [window.seq for window in board.kept] == [3, 4, 5]
    assert board.overflowed == 2


def test_the_envelope_says_what_the_protocol_asks_for():
    board = Board("9f3c21aa", started_s=100.0, most_kept=10)
    board.close_window(None, 0, now_s=101.0)
    board.close_window(VALUES, 97, now_s=102.0)

    live = json.loads(board.envelope(board.choose(), now_s=102.25))
    backlog = json.loads(board.envelope(board.choose(), now_s=103.0))

    values = [2301, 500, 1100, 7, 500, 96]
    assert live == {
        "boot": "9f3c21aa",
        "uptime_s": 2,
        "firmware": "fleet",
        "rssi_dbm": -67,
        "free_heap": live["free_heap"],
        "readings": [[2, 250, *values, 97, FIRST_AFTER_SILENCE]],
    }
    assert backlog["readings"] == [
        [1, 2000, *[None] * 6, 0, WAS_BUFFERED],
        [2, 1000, *values, 97, FIRST_AFTER_SILENCE | WAS_BUFFERED],
    ]


def test_a_clock_that_steps_back_gives_no_negative_age():
    board = board_with(1)

    assert json.loads(board.envelope(board.choose(), now_s=0.5))["readings"][0][1] == 0
