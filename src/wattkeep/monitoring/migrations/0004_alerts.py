"""Rules, incidents that know theirs, notifications; what is there gets its rules."""

from dataclasses import asdict
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from wattkeep.domain.default_rules import device_rules, site_rule


def make_rules(apps: Any, _schema_editor: object) -> None:
    """Give every device and site its rules, and open incidents of before theirs."""
    devices, rules = (
        apps.get_model("monitoring", "Device"),
        apps.get_model("monitoring", "AlertRule"),
    )
    alerts = apps.get_model("monitoring", "Alert")
    rows = [
        rules(device_id=pk, is_default=True, **asdict(values))
        for pk, range_w in devices.objects.values_list("id", "range_w")
        for values in device_rules(range_w, settings.HIGH_POWER_W)
    ]
    sites = devices.objects.order_by("site_id").values_list("site_id", flat=True).distinct()
    rows += [rules(site_id=one, is_default=True, **asdict(site_rule())) for one in sites]
    rules.objects.bulk_create(rows, batch_size=2_000)
    for alert in alerts.objects.filter(is_resolved=False):
        alert.rule = rules.objects.get(device_id=alert.device_id, alert_type=alert.alert_type)
        alert.peak_value = alert.last_value = alert.value
        alert.last_at = alert.noticed_at = alert.announced_at = alert.created_at
        alert.save()


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0003_board"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "alert_type",
                    models.CharField(
                        choices=[
                            ("HIGH_POWER", "High power"),
                            ("HIGH_VOLTAGE", "High voltage"),
                            ("LOW_VOLTAGE", "Low voltage"),
                            ("HIGH_CURRENT", "High current"),
                            ("LOW_PF", "Low power factor"),
                            ("FREQUENCY", "Mains frequency"),
                            ("LONG_LOAD", "Long-running load"),
                            ("ENERGY_DAY", "Energy of the day"),
                            ("ENERGY_MONTH", "Energy of the month"),
                            ("METER_SILENT", "Meter silent"),
                            ("DEVICE_OFFLINE", "Device offline"),
                            ("SITE_OFFLINE", "Site offline"),
                            ("COUNTER_RESET", "Counter reset"),
                            ("CUSTOM", "Own rule"),
                        ],
                        default="CUSTOM",
                        max_length=20,
                    ),
                ),
                (
                    "metric",
                    models.CharField(
                        choices=[
                            ("power", "Power (W)"),
                            ("voltage", "Voltage (V)"),
                            ("current", "Current (A)"),
                            ("power_factor", "Power factor"),
                            ("frequency_off", "Distance from 50 or 60 Hz (Hz)"),
                            ("energy_day", "Energy of the day (kWh)"),
                            ("energy_month", "Energy of the month (kWh)"),
                            ("silent", "Meter silent"),
                            ("offline", "Offline"),
                            ("counter", "Fall of the counter (kWh)"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "comparison",
                    models.CharField(
                        choices=[("above", "above"), ("below", "below")],
                        default="above",
                        max_length=8,
                    ),
                ),
                ("threshold", models.FloatField(blank=True, null=True)),
                (
                    "hold_s",
                    models.PositiveIntegerField(
                        default=30,
                        help_text="How long it has to last before it counts.",
                        verbose_name="hold (s)",
                    ),
                ),
                (
                    "recovery_threshold",
                    models.FloatField(
                        blank=True,
                        help_text="Back at this value it is over; empty: the threshold.",
                        null=True,
                    ),
                ),
                (
                    "recovery_hold_s",
                    models.PositiveIntegerField(
                        default=600,
                        help_text="How long it has to be over.",
                        verbose_name="recovery hold (s)",
                    ),
                ),
                (
                    "only_above_w",
                    models.FloatField(
                        blank=True,
                        help_text="Judged only with this load or more.",
                        null=True,
                        verbose_name="only above (W)",
                    ),
                ),
                (
                    "severity",
                    models.PositiveSmallIntegerField(
                        choices=[(10, "Note"), (20, "Warning"), (30, "Urgent")], default=20
                    ),
                ),
                ("quiet_from", models.TimeField(blank=True, null=True)),
                ("quiet_until", models.TimeField(blank=True, null=True)),
                ("is_enabled", models.BooleanField(default=True)),
                ("is_default", models.BooleanField(default=False, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="Notification",
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
                            ("opened", "Opened"),
                            ("recovered", "Recovered"),
                            ("reminder", "Reminder"),
                            ("report", "Report"),
                            ("test", "Test"),
                        ],
                        max_length=16,
                    ),
                ),
                ("state_number", models.PositiveIntegerField(default=0)),
                ("group_key", models.CharField(blank=True, max_length=100)),
                ("subject", models.CharField(blank=True, max_length=200)),
                ("body", models.TextField(blank=True)),
                ("html", models.TextField(blank=True)),
                ("created_at", models.DateTimeField()),
                ("not_before", models.DateTimeField()),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("claim", models.CharField(blank=True, max_length=32)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("withheld_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.TextField(blank=True)),
            ],
            options={
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="NotificationChannel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("apprise", "E-mail, messenger or webhook"),
                            ("browser", "In the browser"),
                        ],
                        default="apprise",
                        max_length=16,
                    ),
                ),
                ("url_encrypted", models.BinaryField(default=b"", max_length=4096)),
                ("url_shown", models.CharField(blank=True, editable=False, max_length=200)),
                (
                    "minimum_severity",
                    models.PositiveSmallIntegerField(
                        choices=[(10, "Note"), (20, "Warning"), (30, "Urgent")], default=20
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True)),
                (
                    "daily_cap",
                    models.PositiveIntegerField(
                        default=3, help_text="Messages a day at most, urgent ones aside."
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("verified_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("last_success_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("last_error_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("last_error", models.TextField(blank=True, editable=False)),
            ],
            options={
                "ordering": ("name", "id"),
            },
        ),
        migrations.CreateModel(
            name="ReportSchedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "period",
                    models.CharField(
                        choices=[("week", "Every week"), ("month", "Every month")], max_length=8
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True)),
                ("last_start", models.DateField(blank=True, editable=False, null=True)),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="RuleChange",
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
            name="SweepMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("listening_since", models.DateTimeField()),
                ("swept_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="alert",
            name="one_open_alert_per_device_and_type",
        ),
        migrations.AddField(
            model_name="alert",
            name="acknowledged_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="acknowledged_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="announced_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="cause",
            field=models.TextField(blank=True, help_text="What is known about why."),
        ),
        migrations.AddField(
            model_name="alert",
            name="is_flapping",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="alert",
            name="last_at",
            field=models.DateTimeField(blank=True, help_text="When that was measured.", null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="last_value",
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="muted_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="mutes",
                to="monitoring.alert",
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="noticed_at",
            field=models.DateTimeField(blank=True, help_text="When it was opened here.", null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="peak_value",
            field=models.FloatField(blank=True, help_text="The worst so far.", null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="recovery_hold_s",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="alert",
            name="relapses",
            field=models.PositiveIntegerField(default=0, help_text="How often it came back."),
        ),
        migrations.AddField(
            model_name="alert",
            name="resolved_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="severity",
            field=models.PositiveSmallIntegerField(
                choices=[(10, "Note"), (20, "Warning"), (30, "Urgent")], default=20
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="site",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="alerts",
                to="monitoring.site",
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="snoozed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="snoozed_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="state_number",
            field=models.PositiveIntegerField(default=1, editable=False),
        ),
        migrations.AlterField(
            model_name="alert",
            name="alert_type",
            field=models.CharField(
                choices=[
                    ("HIGH_POWER", "High power"),
                    ("HIGH_VOLTAGE", "High voltage"),
                    ("LOW_VOLTAGE", "Low voltage"),
                    ("HIGH_CURRENT", "High current"),
                    ("LOW_PF", "Low power factor"),
                    ("FREQUENCY", "Mains frequency"),
                    ("LONG_LOAD", "Long-running load"),
                    ("ENERGY_DAY", "Energy of the day"),
                    ("ENERGY_MONTH", "Energy of the month"),
                    ("METER_SILENT", "Meter silent"),
                    ("DEVICE_OFFLINE", "Device offline"),
                    ("SITE_OFFLINE", "Site offline"),
                    ("COUNTER_RESET", "Counter reset"),
                    ("CUSTOM", "Own rule"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="alert",
            name="device",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="alerts",
                to="monitoring.device",
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="device",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="rules",
                to="monitoring.device",
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="site",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="rules",
                to="monitoring.site",
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="rule",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="alerts",
                to="monitoring.alertrule",
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("is_resolved", False)),
                fields=["rule", "device"],
                name="open_alerts",
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["rule", "device", "-created_at"], name="alerts_of_a_rule"),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("device__isnull", False), ("is_resolved", False)),
                fields=("rule", "device"),
                name="one_open_alert_per_rule_and_device",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("device__isnull", True), ("is_resolved", False)),
                fields=("rule",),
                name="one_open_alert_per_rule_of_a_site",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="alert",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notifications",
                to="monitoring.alert",
            ),
        ),
        migrations.AddField(
            model_name="notificationchannel",
            name="sites",
            field=models.ManyToManyField(
                blank=True,
                help_text="None chosen: all of them.",
                related_name="channels",
                to="monitoring.site",
            ),
        ),
        migrations.AddField(
            model_name="notificationchannel",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="channels",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="channel",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notifications",
                to="monitoring.notificationchannel",
            ),
        ),
        migrations.AddField(
            model_name="reportschedule",
            name="channel",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="reports",
                to="monitoring.notificationchannel",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("device__isnull", True), ("site__isnull", True), _connector="XOR"
                ),
                name="rule_of_a_device_or_of_a_site",
            ),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(
                    ("delivered_at__isnull", True),
                    ("failed_at__isnull", True),
                    ("withheld_at__isnull", True),
                ),
                fields=["not_before"],
                name="waiting_notifications",
            ),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                fields=["channel", "-created_at"], name="notifications_of_a_channel"
            ),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.UniqueConstraint(
                condition=models.Q(("alert__isnull", False)),
                fields=("channel", "alert", "kind", "state_number"),
                name="one_notification_per_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="reportschedule",
            constraint=models.UniqueConstraint(
                fields=("channel", "period"), name="one_report_per_period"
            ),
        ),
        migrations.RunPython(make_rules, migrations.RunPython.noop),
    ]
