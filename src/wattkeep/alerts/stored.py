"""What stored readings say of a rule: their samples, and since when it has been broken."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wattkeep.ledger.readings import iter_days, last_reading, readings_before

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattkeep.alerts.rules import ReadingRule
    from wattkeep.domain.columns import Columns

READINGS_AT_ONCE = 500
# Walking further back would say nothing that anybody needs.
MOST_WALKED_MS = 7 * 86_400_000


def samples_between(
    device_id: int, rule: ReadingRule, first_ms: int, last_ms: int | None = None
) -> Iterator[tuple[int, float | None]]:
    """Yield (ms, value) of a device's stored readings, both ends included, oldest first."""
    if last_ms is None:
        newest = last_reading(device_id)
        last_ms = first_ms if newest is None else newest.timestamp_ms
    columns = _columns(rule)
    for day in iter_days(device_id, first_ms, last_ms + 1, columns):
        yield from _values(rule, day)


def broken_since(device_id: int, rule: ReadingRule, at_ms: int) -> int:
    """Return when the breach that goes on at `at_ms` began, by what any process stored.

    Nearly always the reading before was fine, so little more than that one is read.
    """
    since_ms = at_ms
    for before_ms, value in _backwards(device_id, rule, at_ms):
        is_gap = since_ms - before_ms > rule.limits.most_gap_ms
        if is_gap or not rule.limits.is_broken_by(value):
            break
        since_ms = before_ms
    return since_ms


def kept_since(device_id: int, rule: ReadingRule, newest_ms: int) -> int | None:
    """Return since when, up to the newest reading, the rule has been kept; None if it is not."""
    since_ms = None
    for before_ms, value in _backwards(device_id, rule, newest_ms + 1):
        if not rule.limits.is_kept_by(value):
            break
        since_ms = before_ms
    return since_ms


def _backwards(
    device_id: int, rule: ReadingRule, before_ms: int
) -> Iterator[tuple[int, float | None]]:
    """Yield (ms, value) of stored readings, newest first: two at once, then many."""
    earliest_ms = max(before_ms - MOST_WALKED_MS, 0)
    columns = _columns(rule)
    count = 2
    while True:
        some = readings_before(device_id, before_ms, count, columns)
        for at_ms, value in reversed(list(_values(rule, some))):
            if at_ms < earliest_ms:
                return
            yield at_ms, value
        if len(some) < count:
            return
        before_ms = int(some.timestamps[0])
        count = READINGS_AT_ONCE


def newest_stored(device_id: int, before_ms: int | None = None) -> tuple[int, float] | None:
    """Return (ms, counter in kWh) of a device's newest reading, or of the newest before a time."""
    found = last_reading(device_id, before_ms)
    return None if found is None else (found.timestamp_ms, found.energy)


def _columns(rule: ReadingRule) -> list[str]:
    return sorted({"power", rule.column})


def _values(rule: ReadingRule, readings: Columns) -> Iterator[tuple[int, float | None]]:
    column = rule.column
    powers = readings.values["power"].tolist()
    measured = readings.values[column].tolist()
    for at_ms, power_w, value in zip(readings.timestamps.tolist(), powers, measured, strict=True):
        # History brought in from elsewhere may not know a value.
        yield at_ms, None if math.isnan(value) else rule.value(power_w, value)
