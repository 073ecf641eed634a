"""Boards: their setup, reports and commands, and the firmware they are given."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0002_ledger"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BoardReport",
            fields=[
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="board_report",
                        serialize=False,
                        to="monitoring.device",
                    ),
                ),
                ("reported_at", models.DateTimeField()),
                ("boot", models.CharField(blank=True, default="", max_length=16)),
                ("firmware", models.CharField(blank=True, default="", max_length=32)),
                ("slot", models.CharField(blank=True, default="", max_length=1)),
                ("config_version", models.BigIntegerField(default=0)),
                ("told_version", models.BigIntegerField(default=0)),
                ("uptime_s", models.BigIntegerField(null=True, verbose_name="uptime (s)")),
                ("rssi_dbm", models.IntegerField(null=True, verbose_name="signal (dBm)")),
                ("free_heap", models.IntegerField(null=True, verbose_name="free heap (bytes)")),
                ("bad_polls", models.BigIntegerField(null=True)),
                ("backlog", models.IntegerField(null=True, verbose_name="windows waiting")),
                ("resets", models.IntegerField(null=True)),
                ("reset_cause", models.IntegerField(null=True)),
                ("log", models.TextField(blank=True, default="")),
                ("log_at", models.DateTimeField(null=True)),
                ("nonces", models.TextField(blank=True, default="")),
            ],
        ),
        migrations.CreateModel(
            name="BoardSetup",
            fields=[
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="board_setup",
                        serialize=False,
                        to="monitoring.device",
                    ),
                ),
                ("display", models.BooleanField(null=True)),
                (
                    "contrast",
                    models.PositiveSmallIntegerField(
                        null=True, validators=[django.core.validators.MaxValueValidator(255)]
                    ),
                ),
                ("meters", models.JSONField(blank=True, default=list)),
            ],
        ),
        migrations.CreateModel(
            name="FirmwareRelease",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.CharField(max_length=32, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "share",
                    models.PositiveSmallIntegerField(
                        default=0,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="share of devices (%)",
                    ),
                ),
                ("manifest", models.BinaryField()),
                ("manifest_sha256", models.CharField(max_length=64)),
                ("size", models.PositiveIntegerField(verbose_name="size (bytes)")),
                ("withdrawn_at", models.DateTimeField(null=True)),
                ("halted_at", models.DateTimeField(null=True)),
                ("halt_reason", models.CharField(blank=True, default="", max_length=200)),
                ("counted_from", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="BoardCommand",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("reset_energy", "Set the meter's counter to 0"),
                            ("reboot", "Restart the board"),
                            ("send_log", "Send its log"),
                        ],
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
                ("result", models.CharField(blank=True, default="", max_length=60)),
                (
                    "created_by",
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
                        related_name="board_commands",
                        to="monitoring.device",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("done_at", None)),
                        fields=("device", "kind"),
                        name="one_waiting_command_per_device_and_kind",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="FirmwareFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("path", models.CharField(max_length=64)),
                ("sha256", models.CharField(max_length=64)),
                ("content", models.BinaryField()),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="files",
                        to="monitoring.firmwarerelease",
                    ),
                ),
            ],
            options={
                "ordering": ("path",),
                "constraints": [
                    models.UniqueConstraint(fields=("release", "path"), name="one_file_per_path")
                ],
            },
        ),
        migrations.CreateModel(
            name="FirmwareTrial",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("offered", "Offered"),
                            ("fetching", "Being fetched or tried"),
                            ("confirmed", "Runs"),
                            ("failed", "Rolled back"),
                        ],
                        default="offered",
                        max_length=16,
                    ),
                ),
                ("offered_at", models.DateTimeField()),
                ("fetched_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, default="", max_length=100)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="firmware_trials",
                        to="monitoring.device",
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="trials",
                        to="monitoring.firmwarerelease",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "indexes": [
                    models.Index(fields=["release", "state"], name="monitoring__release_c7cc0f_idx")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("release", "device"), name="one_trial_per_device"
                    )
                ],
            },
        ),
    ]
