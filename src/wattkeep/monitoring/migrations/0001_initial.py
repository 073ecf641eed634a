"""The first tables; those of telemetry in primary key order."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import wattkeep.monitoring.fields
import wattkeep.monitoring.models
from wattkeep.monitoring.operations import CreateClusteredModel


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Site",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "time_zone",
                    models.CharField(
                        default="UTC",
                        help_text="Days and months are counted in this zone, e.g. Europe/Paris.",
                        max_length=64,
                        validators=[wattkeep.monitoring.models.validate_time_zone],
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        default="EUR",
                        max_length=3,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Z]{3}$", "Write three capital letters, e.g. EUR."
                            )
                        ],
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sites",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("name", "id"),
            },
        ),
        migrations.CreateModel(
            name="Device",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("location", models.CharField(blank=True, max_length=200)),
                (
                    "is_active",
                    models.BooleanField(
                        default=True, help_text="An inactive device's readings are refused."
                    ),
                ),
                ("key_hash", models.BinaryField(max_length=32, unique=True)),
                ("key_prefix", models.CharField(editable=False, max_length=16, unique=True)),
                ("signing_key", models.BinaryField(default=b"", max_length=256)),
                (
                    "signed_only",
                    models.BooleanField(
                        default=False,
                        help_text="Refuse posts that show the key itself, which can be overheard on plain HTTP.",
                        verbose_name="signed readings only",
                    ),
                ),
                ("config_version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "range_w",
                    models.PositiveIntegerField(
                        default=23000,
                        help_text="The most this meter can measure: 23000 W, or 2300 W for the 10 A type.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000000),
                        ],
                        verbose_name="meter range (W)",
                    ),
                ),
                (
                    "interval_s",
                    models.PositiveIntegerField(
                        default=10,
                        help_text="How often it reports.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                        verbose_name="interval (s)",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        help_text="The device behind whose meter this one sits.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="children",
                        to="monitoring.device",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="devices",
                        to="monitoring.site",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="devices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("name", "id"),
            },
        ),
        CreateClusteredModel(
            name="DeviceBoot",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "device_id",
                        "boot",
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
                        related_name="boots",
                        to="monitoring.device",
                    ),
                ),
                ("boot", models.CharField(default="", max_length=16)),
                ("last_seq", models.BigIntegerField(default=0)),
                ("ahead", models.TextField(blank=True, default="")),
                ("first_seen", wattkeep.monitoring.fields.MillisecondField()),
                ("last_seen", wattkeep.monitoring.fields.MillisecondField()),
                ("firmware", models.CharField(blank=True, default="", max_length=32)),
                ("uptime_s", models.BigIntegerField(null=True, verbose_name="uptime (s)")),
                ("rssi_dbm", models.IntegerField(null=True, verbose_name="signal (dBm)")),
                ("free_heap", models.IntegerField(null=True, verbose_name="free heap (bytes)")),
            ],
            options={
                "db_table": "monitoring_deviceboot",
            },
        ),
        CreateClusteredModel(
            name="EnergyReading",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "device_id",
                        "timestamp",
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
                        related_name="readings",
                        to="monitoring.device",
                    ),
                ),
                ("timestamp", wattkeep.monitoring.fields.MillisecondField()),
                ("voltage", models.FloatField(null=True, verbose_name="voltage (V)")),
                ("current", models.FloatField(null=True, verbose_name="current (A)")),
                ("power", models.FloatField(null=True, verbose_name="power (W)")),
                (
                    "energy",
                    models.FloatField(
                        help_text="The meter's counter.", verbose_name="energy (kWh)"
                    ),
                ),
                ("frequency", models.FloatField(null=True, verbose_name="frequency (Hz)")),
                ("power_factor", models.FloatField(null=True)),
            ],
            options={
                "db_table": "monitoring_energyreading",
            },
        ),
        CreateClusteredModel(
            name="MeterEvent",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "device_id",
                        "kind",
                        "timestamp",
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
                        related_name="events",
                        to="monitoring.device",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("boot", "Board started"),
                            ("silent", "Meter did not answer"),
                            ("reset", "Counter was set to zero"),
                            ("rollover", "Counter ran over"),
                            ("glitch", "Counter was misread"),
                            ("jitter", "Counter dipped"),
                            ("jump", "Counter of another meter"),
                            ("gap", "No readings"),
                            ("swap", "Meter or board was replaced"),
                        ],
                        max_length=16,
                    ),
                ),
                ("timestamp", wattkeep.monitoring.fields.MillisecondField()),
                ("until", wattkeep.monitoring.fields.MillisecondField()),
                ("windows", models.BigIntegerField(default=0)),
                ("before_wh", models.FloatField(null=True)),
                ("after_wh", models.FloatField(null=True)),
                ("energy_wh", models.FloatField(null=True)),
                ("note", models.TextField(blank=True, db_default="", default="")),
            ],
            options={
                "db_table": "monitoring_meterevent",
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "alert_type",
                    models.CharField(choices=[("HIGH_POWER", "High power")], max_length=20),
                ),
                ("message", models.TextField()),
                ("value", models.FloatField(help_text="What was measured when it opened.")),
                ("is_resolved", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="monitoring.device",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(
                        fields=["device", "-created_at"], name="monitoring__device__038dc0_idx"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_resolved", False)),
                        fields=("device", "alert_type"),
                        name="one_open_alert_per_device_and_type",
                    )
                ],
            },
        ),
    ]
