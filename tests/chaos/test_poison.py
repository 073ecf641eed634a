"""No body of one device may sink the readings that are committed together with it."""

from __future__ import annotations

import json

import pytest

from wattkeep.ingest.envelopes import decode_envelope

NOW_MS = 1_790_000_000_000
ROW = [1, 0, 2300, 100, 230, 1, 500, 90, 10, 0]
POWER, ENERGY, SAMPLES, FLAGS = 4, 5, 8, 9


def decode(row, **head):
    body = {"boot": "9f3c21aa", **head, "readings": [row, [2, *ROW[1:]]]}
    return decode_envelope(json.dumps(body).encode(), 1, NOW_MS)


@pytest.mark.parametrize("column", [POWER, ENERGY, SAMPLES, FLAGS])
def test_integer_beyond_every_meter_is_refused_alone(column):
    row = ROW.copy()
    row[column] = 10**400

    batch = decode(row)

    assert [index for index, _ in batch.rejected] == [0]
    assert (batch.windows.refused, batch.windows.seqs) == ([1], [2])


@pytest.mark.parametrize("uptime_s", [-1, -(2**62), 2**63, 10**400])
def test_uptime_that_cannot_be_is_left_out(uptime_s):
    batch = decode(ROW, uptime_s=uptime_s)

    assert batch.windows.board.uptime_s is None
    assert batch.windows.seqs == [1, 2]
