"""What is watched, and the incidents it opened."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext_lazy as lazy

from wattkeep.monitoring.models.devices import Device, Site


class RuleChange(models.Model):
    """One row whose number grows with every change to a rule; server processes reread theirs."""

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def note(cls) -> None:
        """Tell every server process that a rule changed."""
        if not cls.objects.filter(pk=1).update(number=models.F("number") + 1):
            cls.objects.get_or_create(pk=1, defaults={"number": 1})


class Severity(models.IntegerChoices):
    """How much an incident matters; a channel may ask for the upper ones only."""

    INFO = 10, lazy("Note")
    WARNING = 20, lazy("Warning")
    CRITICAL = 30, lazy("Urgent")


class AlertType(models.TextChoices):
    """What an incident is about."""

    HIGH_POWER = "HIGH_POWER", lazy("High power")
    HIGH_VOLTAGE = "HIGH_VOLTAGE", lazy("High voltage")
    LOW_VOLTAGE = "LOW_VOLTAGE", lazy("Low voltage")
    HIGH_CURRENT = "HIGH_CURRENT", lazy("High current")
    LOW_PF = "LOW_PF", lazy("Low power factor")
    FREQUENCY = "FREQUENCY", lazy("Mains frequency")
    LONG_LOAD = "LONG_LOAD", lazy("Long-running load")
    ENERGY_DAY = "ENERGY_DAY", lazy("Energy of the day")
    ENERGY_MONTH = "ENERGY_MONTH", lazy("Energy of the month")
    METER_SILENT = "METER_SILENT", lazy("Meter silent")
    DEVICE_OFFLINE = "DEVICE_OFFLINE", lazy("Device offline")
    SITE_OFFLINE = "SITE_OFFLINE", lazy("Site offline")
    COUNTER_RESET = "COUNTER_RESET", lazy("Counter reset")
    CUSTOM = "CUSTOM", lazy("Own rule")


class AlertRule(models.Model):
    """What is watched of a device, or of every device of a site, and when it is an incident."""

    class Metric(models.TextChoices):
        POWER = "power", lazy("Power (W)")
        VOLTAGE = "voltage", lazy("Voltage (V)")
        CURRENT = "current", lazy("Current (A)")
        POWER_FACTOR = "power_factor", lazy("Power factor")
        FREQUENCY_OFF = "frequency_off", lazy("Distance from 50 or 60 Hz (Hz)")
        ENERGY_DAY = "energy_day", lazy("Energy of the day (kWh)")
        ENERGY_MONTH = "energy_month", lazy("Energy of the month (kWh)")
        SILENT = "silent", lazy("Meter silent")
        OFFLINE = "offline", lazy("Offline")
        COUNTER = "counter", lazy("Fall of the counter (kWh)")

    class Comparison(models.TextChoices):
        ABOVE = "above", lazy("above")
        BELOW = "below", lazy("below")

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, null=True, blank=True, related_name="rules"
    )
    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, null=True, blank=True, related_name="rules"
    )
    name = models.CharField(max_length=100)
    alert_type = models.CharField(
        max_length=20, choices=AlertType.choices, default=AlertType.CUSTOM
    )
    metric = models.CharField(max_length=16, choices=Metric.choices)
    comparison = models.CharField(
        max_length=8, choices=Comparison.choices, default=Comparison.ABOVE
    )
    # None: Wattkeep sets it from the device's own first readings (voltages, budgets).
    threshold = models.FloatField(null=True, blank=True)
    hold_s = models.PositiveIntegerField(
        "hold (s)", default=30, help_text="How long it has to last before it counts."
    )
    recovery_threshold = models.FloatField(
        null=True, blank=True, help_text="Back at this value it is over; empty: the threshold."
    )
    recovery_hold_s = models.PositiveIntegerField(
        "recovery hold (s)", default=600, help_text="How long it has to be over."
    )
    only_above_w = models.FloatField(
        "only above (W)", null=True, blank=True, help_text="Judged only with this load or more."
    )
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.WARNING)
    # Local time of the site; from later than until means over midnight.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    # Made by Wattkeep and never changed by anybody.
    is_default = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(device__isnull=True) ^ models.Q(site__isnull=True),
                name="rule_of_a_device_or_of_a_site",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            super().save(*args, **kwargs)
            RuleChange.note()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            deleted = super().delete(*args, **kwargs)
            RuleChange.note()
        return deleted


class Alert(models.Model):
    """One incident: a rule broken by a device, or by a site, from `created_at` to `resolved_at`.

    Both are times of what was measured, not of when anybody noticed.
    """

    Type = AlertType

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, null=True, blank=True, related_name="alerts"
    )
    # Set where the incident is the site's own, and `device` is not.
    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, null=True, blank=True, related_name="alerts"
    )
    rule = models.ForeignKey(
        AlertRule, on_delete=models.SET_NULL, null=True, blank=True, related_name="alerts"
    )
    alert_type = models.CharField(max_length=20, choices=AlertType.choices)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.WARNING)
    message = models.TextField()
    value = models.FloatField(help_text="What was measured when it opened.")
    peak_value = models.FloatField(null=True, blank=True, help_text="The worst so far.")
    last_value = models.FloatField(null=True, blank=True)
    last_at = models.DateTimeField(null=True, blank=True, help_text="When that was measured.")
    is_resolved = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    noticed_at = models.DateTimeField(null=True, blank=True, help_text="When it was opened here.")
    # Notifications of the opening were queued. Until then nothing says that it is still true.
    announced_at = models.DateTimeField(null=True, blank=True, editable=False)
    # 1 when it opens; one more with every change people may be told of.
    state_number = models.PositiveIntegerField(default=1, editable=False)
    relapses = models.PositiveIntegerField(default=0, help_text="How often it came back.")
    is_flapping = models.BooleanField(default=False)
    recovery_hold_s = models.PositiveIntegerField(default=0, editable=False)
    cause = models.TextField(blank=True, help_text="What is known about why.")
    # The site's incident that explains this one; while it is open nobody is told of this one.
    muted_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="mutes"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    snoozed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # None where it recovered by itself.
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=["device", "-created_at"]),
            # What is open is asked for every few seconds; what was, hardly ever.
            models.Index(
                fields=["rule", "device"],
                condition=models.Q(is_resolved=False),
                name="open_alerts",
            ),
            models.Index(fields=["rule", "device", "-created_at"], name="alerts_of_a_rule"),
        )
        constraints = (
            # Workers that see the same rise open one incident, not one each.
            models.UniqueConstraint(
                fields=["rule", "device"],
                condition=models.Q(is_resolved=False, device__isnull=False),
                name="one_open_alert_per_rule_and_device",
            ),
            models.UniqueConstraint(
                fields=["rule"],
                condition=models.Q(is_resolved=False, device__isnull=True),
                name="one_open_alert_per_rule_of_a_site",
            ),
        )

    def __str__(self) -> str:
        return self.message


class SweepMark(models.Model):
    """One row: since when this installation has been able to hear, and when it last looked."""

    listening_since = models.DateTimeField()
    swept_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.swept_at:%Y-%m-%d %H:%M:%S}"
