"""Figures of several workers, whichever of them is asked."""

import os

from wattkeep.metrics.sharing import Share, figures_of_all, merge_ended, shared_folder, tell

COUNT = "wattkeep_failed_commits_total"
GAUGE = "wattkeep_waiting_readings"
STARTED = "wattkeep_started_seconds"


def test_each_place_is_told():
    with shared_folder() as folder:
        tell(Share(folder, 0), {COUNT: 1, GAUGE: 5})
        tell(Share(folder, 11), {COUNT: 2})
        tell(Share(folder, 0), {COUNT: 3, GAUGE: 0})

        assert figures_of_all(folder) == {0: {COUNT: 3, GAUGE: 0}, 11: {COUNT: 2}}
    assert not folder.exists()


def test_who_has_ended_leaves_its_counts_and_nothing_else():
    with shared_folder() as folder:
        tell(Share(folder, 0), {COUNT: 3, GAUGE: 9})
        merge_ended(folder, 0, os.getpid())
        assert figures_of_all(folder) == {0: {COUNT: 3}}

        tell(Share(folder, 0), {COUNT: 4, GAUGE: 1})
        assert figures_of_all(folder) == {0: {COUNT: 7, GAUGE: 1}}

        merge_ended(folder, 0, os.getpid())
        assert figures_of_all(folder) == {0: {COUNT: 7}}


def test_while_one_is_replaced_both_are_counted():
    with shared_folder() as folder:
        tell(Share(folder, 0), {COUNT: 1, GAUGE: 2, STARTED: 100})
        # Its predecessor, which still answers.
        (folder / f"0-{os.getpid()}").rename(folder / "0-99")
        tell(Share(folder, 0), {COUNT: 10, GAUGE: 3, STARTED: 200})

        assert figures_of_all(folder) == {0: {COUNT: 11, GAUGE: 5, STARTED: 200}}


def test_what_a_killed_server_left_behind_is_swept():
    with shared_folder() as folder:
        # No process has as large a number.
        left = folder.with_name("wattkeep-metrics-99999999-x")
        left.mkdir()
        (left / "0-1").touch()

        with shared_folder():
            assert folder.exists()
            assert not left.exists()


def test_who_never_told_anything_leaves_nothing():
    with shared_folder() as folder:
        merge_ended(folder, 0, 99)

        assert figures_of_all(folder) == {0: {}}
