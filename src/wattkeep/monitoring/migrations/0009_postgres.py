"""On PostgreSQL: readings in daily partitions, and room on the pages of rows that change often."""

from typing import Any

from django.db import migrations
from django.utils import timezone

from wattkeep.monitoring.partitions import make_partitions, partition_statements

# Rows that are changed again and again stay on their page while there is room: no index entry is
# written then, and what is left behind is cleared away by the next who comes by.
ROOM = (
    ("monitoring_deviceboot", "fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05"),
    ("monitoring_ledgerstate", "fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05"),
    ("monitoring_lease", "fillfactor = 50"),
    # The newest quarter-hour of each device is written every half a minute, the others never
    # again: a fiftieth of a large table is far too much to wait for.
    (
        "monitoring_energyslot",
        (
            "fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01,"
            " autovacuum_analyze_scale_factor = 0.02"
        ),
    ),
)


def set_up(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for statement in partition_statements():
        schema_editor.execute(statement)
    for table, parameters in ROOM:
        schema_editor.execute(f"ALTER TABLE {table} SET ({parameters})")
    make_partitions(timezone.now(), schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0008_languages")]

    operations = [migrations.RunPython(set_up, migrations.RunPython.noop)]
