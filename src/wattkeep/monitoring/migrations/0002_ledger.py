"""Quarter-hours, sealed days, corrections, and who works on them."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import wattkeep.monitoring.fields
from wattkeep.monitoring.operations import CreateClusteredModel


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("holder", models.CharField(max_length=40)),
                ("until", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True, default="")),
            ],
        ),
        migrations.CreateModel(
            name="LedgerState",
            fields=[
                (
                    "device",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="ledger_state",
                        serialize=False,
                        to="monitoring.device",
                    ),
                ),
                ("done_to", wattkeep.monitoring.fields.MillisecondField()),
                ("raw_from", wattkeep.monitoring.fields.MillisecondField(null=True)),
                ("version", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "monitoring_ledgerstate",
            },
        ),
        migrations.AddField(
            model_name="device",
            name="has_counter",
            field=models.BooleanField(
                default=True,
                help_text="Without one, energy is worked out from power.",
                verbose_name="has an energy counter",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="keep_raw_days",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Empty keeps every reading for good. Quarter-hour figures stay in any case.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(7),
                    django.core.validators.MaxValueValidator(36500),
                ],
                verbose_name="keep single readings for (days)",
            ),
        ),
        CreateClusteredModel(
            name="EnergySlot",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "device_id",
                        "start",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="slots",
                        to="monitoring.device",
                    ),
                ),
                ("start", wattkeep.monitoring.fields.MillisecondField()),
                ("measured_mwh", models.BigIntegerField(default=0)),
                ("estimated_mwh", models.BigIntegerField(default=0)),
                ("samples", models.PositiveIntegerField(default=0)),
                ("power_min", models.FloatField(null=True)),
                ("power_mean", models.FloatField(null=True)),
                ("power_max", models.FloatField(null=True)),
                ("voltage_min", models.FloatField(null=True)),
                ("voltage_mean", models.FloatField(null=True)),
                ("voltage_max", models.FloatField(null=True)),
                ("current_min", models.FloatField(null=True)),
                ("current_mean", models.FloatField(null=True)),
                ("current_max", models.FloatField(null=True)),
                ("frequency_min", models.FloatField(null=True)),
                ("frequency_mean", models.FloatField(null=True)),
                ("frequency_max", models.FloatField(null=True)),
                ("power_factor_min", models.FloatField(null=True)),
                ("power_factor_mean", models.FloatField(null=True)),
                ("power_factor_max", models.FloatField(null=True)),
                ("counter_at", wattkeep.monitoring.fields.MillisecondField(null=True)),
                ("counter_wh", models.FloatField(null=True)),
                ("counter_power_w", models.FloatField(null=True)),
                ("pending", models.TextField(blank=True, default="")),
            ],
            options={
                "db_table": "monitoring_energyslot",
            },
        ),
        CreateClusteredModel(
            name="LedgerMark",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "device_id",
                        "start",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="ledger_marks",
                        to="monitoring.device",
                    ),
                ),
                ("start", wattkeep.monitoring.fields.MillisecondField()),
                ("until", wattkeep.monitoring.fields.MillisecondField(null=True)),
                ("touched", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "monitoring_ledgermark",
            },
        ),
        migrations.CreateModel(
            name="ReadingBlock",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "device_id",
                        "day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", wattkeep.monitoring.fields.MillisecondField()),
                ("format", models.PositiveSmallIntegerField()),
                ("count", models.PositiveIntegerField()),
                ("checksum", models.BigIntegerField()),
                ("timestamps", models.BinaryField()),
                ("power", models.BinaryField()),
                ("energy", models.BinaryField()),
                ("voltage", models.BinaryField()),
                ("current", models.BinaryField()),
                ("frequency", models.BinaryField()),
                ("power_factor", models.BinaryField()),
                (
                    "device",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="blocks",
                        to="monitoring.device",
                    ),
                ),
            ],
            options={
                "db_table": "monitoring_readingblock",
            },
        ),
        migrations.CreateModel(
            name="Correction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("start", wattkeep.monitoring.fields.MillisecondField()),
                ("end", wattkeep.monitoring.fields.MillisecondField()),
                (
                    "energy_wh",
                    models.FloatField(
                        blank=True,
                        help_text="What was really used. Empty leaves the interval out of every sum.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="energy (Wh)",
                    ),
                ),
                ("reason", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("undone_at", models.DateTimeField(blank=True, null=True)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="corrections",
                        to="monitoring.device",
                    ),
                ),
                (
                    "undone_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("start", "id"),
                "indexes": [
                    models.Index(fields=["device", "start"], name="monitoring__device__950eb2_idx")
                ],
            },
        ),
    ]
