"""What devices used in each hour of the week, added up by the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattkeep.domain.slots import HOUR_MS, HOURS_PER_WEEK, WeekSums
from wattkeep.ledger.bulk import places
from wattkeep.ledger.readings import as_ms
from wattkeep.monitoring.replica import reading_connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# The first slot of each hour's says which hour of the week it is. Four weeks are 2,688 slots: one
# by one they take eight times as long.
SUMS = f"""
    SELECT device_id, CAST(MIN({{at}}) AS bigint), CAST(SUM(measured_mwh) AS bigint), COUNT(*)
    FROM monitoring_energyslot
    WHERE device_id IN ({{ids}}) AND {{which}} AND samples > 0
    GROUP BY device_id, ({{at}} / {HOUR_MS}) %% {HOURS_PER_WEEK}
"""  # noqa: S608 - places only


def add_up(device_ids: Iterable[int], which: str, parameters: Sequence[Any]) -> dict[int, WeekSums]:
    """Return the sums of devices' slots with readings, of those for which a condition is true."""
    if not (ids := sorted(device_ids)):
        return {}
    weeks: dict[int, WeekSums] = {}
    with reading_connection().cursor() as cursor:
        sql = SUMS.format(at=as_ms("start"), ids=places(ids), which=which)
        cursor.execute(sql, [*ids, *parameters])
        for device_id, *part in cursor.fetchall():
            weeks.setdefault(device_id, WeekSums()).add([tuple(part)])
    return weeks
