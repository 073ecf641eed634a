"""The text that Prometheus reads."""

import pytest

from wattkeep.ingest.counts import Histogram
from wattkeep.metrics.families import FAMILIES, exposition, histogram_figures, is_count, labelled


def lines_of(name, text):
    return [line for line in text.splitlines() if line.startswith(name)]


def test_each_worker_has_its_own_figures_and_what_is_stored_has_none():
    text = exposition(
        {
            1: {'wattkeep_posts_total{answer="201"}': 7},
            0: {'wattkeep_posts_total{answer="201"}': 5},
        },
        {"wattkeep_devices": 3, 'wattkeep_task_failing{task="ledger"}': 1},
    )

    assert lines_of("wattkeep_", text) == [
        'wattkeep_posts_total{worker="0",answer="201"} 5',
        'wattkeep_posts_total{worker="1",answer="201"} 7',
        "wattkeep_devices 3",
        'wattkeep_task_failing{task="ledger"} 1',
    ]
    assert "# TYPE wattkeep_posts_total counter" in text


def test_a_histogram_adds_up_from_bound_to_bound():
    histogram = Histogram((2, 5, 10))
    for value in (1, 2, 3, 10, 11):
        histogram.note(value)

    assert histogram_figures("x_seconds", histogram, 1000) == {
        'x_seconds_bucket{le="0.002"}': 2,
        'x_seconds_bucket{le="0.005"}': 3,
        'x_seconds_bucket{le="0.01"}': 4,
        'x_seconds_bucket{le="+Inf"}': 5,
        "x_seconds_sum": 0.027,
        "x_seconds_count": 5,
    }


@pytest.mark.parametrize(
    ("metric", "grows"),
    [
        ('wattkeep_posts_total{answer="201"}', True),
        ('wattkeep_post_seconds_bucket{le="1"}', True),
        ("wattkeep_cpu_seconds_total", True),
        ("wattkeep_waiting_readings", False),
        ("wattkeep_started_seconds", False),
    ],
)
def test_what_outlives_a_process(metric, grows):
    assert is_count(metric) is grows


def test_labels():
    assert labelled("x") == "x"
    assert labelled("x", a="1", b="2") == 'x{a="1",b="2"}'


def test_names_are_told_once():
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
