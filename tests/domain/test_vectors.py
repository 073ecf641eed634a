"""Every case of docs/vectors/counters.json, also cut in two anywhere."""

import pytest

from domain.vectors import fold_case, load_cases

FILE = load_cases()
CASES = FILE["cases"]


def in_order(events):
    return sorted(events, key=lambda event: (event["start"], event["kind"]))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case_makes_its_slots_and_events(case):
    slots, events = fold_case(case, FILE["origin"])

    assert slots == {at: [float(wh) for wh in both] for at, both in case["slots"].items()}
    assert in_order(events) == in_order(case["events"])


def test_the_file_says_what_it_is_and_why_each_case_is_there():
    names = [case["name"] for case in CASES]

    assert FILE["format"] == 1
    assert len(names) == len(set(names)) >= 60
    assert all(case["why"].endswith((".", "!")) for case in CASES)
    assert {event["kind"] for case in CASES for event in case["events"]} == {
        "reset", "rollover", "glitch", "jitter", "jump", "gap",
    }  # fmt: skip
