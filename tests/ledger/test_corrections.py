"""Corrections as rows: who, why, and undone."""

from datetime import timedelta

import pytest

from ledger.ledgers import at
from wattkeep.domain.corrections import Corrected
from wattkeep.domain.instants import to_ms
from wattkeep.ledger.corrections import (
    CorrectionError,
    Wish,
    active_corrections,
    corrected_spans,
    set_correction,
    undo_correction,
)
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Correction

pytestmark = pytest.mark.django_db
NOW = at(90_000)
HOUR = 3600


def wish(start=0, end=HOUR, energy_wh=500.0, reason="Heat gun, metered elsewhere"):
    return Wish(at(start), at(end), energy_wh, reason)


def test_a_correction_keeps_what_was_said_by_whom(device, owner):
    made = set_correction(device, wish(), owner, NOW)

    [row] = Correction.objects.values(
        "device", "start", "end", "energy_wh", "reason", "author", "undone_at", "undone_by"
    )
    assert row == {
        "device": device.pk,
        "start": at(0),
        "end": at(HOUR),
        "energy_wh": 500.0,
        "reason": "Heat gun, metered elsewhere",
        "author": owner.pk,
        "undone_at": None,
        "undone_by": None,
    }
    assert corrected_spans(device.pk, to_ms(at(0)), to_ms(at(1))) == [
        Corrected(to_ms(at(0)), to_ms(at(HOUR)), 500_000)
    ]
    assert made.pk == Correction.objects.get().pk


def test_undone_it_counts_no_more_and_says_who(device, owner, stranger):
    made = set_correction(device, wish(energy_wh=None), owner, NOW)
    later = NOW + timedelta(hours=1)

    assert undo_correction(made, owner, later)
    assert not undo_correction(made, stranger, later)

    made.refresh_from_db()
    assert (made.undone_at, made.undone_by) == (later, owner)
    assert not active_corrections(device.pk).exists()
    set_correction(device, wish(), owner, NOW)
    assert len(active_corrections(device.pk)) == 1


@pytest.mark.parametrize(
    ("start", "end", "is_free"),
    [(-HOUR, 0, True), (HOUR, 2 * HOUR, True), (0, HOUR, False), (900, 1800, False),
     (-900, 900, False), (-HOUR, 2 * HOUR, False)],
)  # fmt: skip
def test_no_two_that_count_may_overlap(device, owner, start, end, is_free):
    set_correction(device, wish(), owner, NOW)

    if is_free:
        set_correction(device, wish(start, end), owner, NOW)
    else:
        with pytest.raises(CorrectionError, match=r"2026-01-05 00:00 to .* is corrected already"):
            set_correction(device, wish(start, end), owner, NOW)


def test_another_devices_correction_is_in_nobodys_way(device, owner):
    set_correction(create_device(owner, "Shed")[0], wish(), owner, NOW)

    set_correction(device, wish(), owner, NOW)

    assert len(active_corrections(device.pk)) == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (wish(60, HOUR), "The start, 2026-01-05T00:01:00.* is not at a full quarter"),
        (wish(0, HOUR + 0.5), "The end, .* is not at a full quarter"),
        (wish(HOUR, 0), "must be later"),
        (wish(0, 0), "must be later"),
        (wish(0, 400 * 86_400), "a year at most"),
        (wish(86_400, 97_200), "not over yet"),
        (wish(energy_wh=-1), "must be a number from 0 on"),
        (wish(energy_wh=float("nan")), "must be a number from 0 on"),
        (wish(energy_wh=1e12), "must be a number from 0 on"),
        (wish(reason="  "), "Say why"),
        (wish(reason="x" * 201), "longer than 200"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(device, owner, asked, words):
    with pytest.raises(CorrectionError, match=words):
        set_correction(device, asked, owner, NOW)

    assert not Correction.objects.exists()
