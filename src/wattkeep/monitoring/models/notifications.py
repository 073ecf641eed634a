"""Whom incidents are told, what waits to be told, and reports."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as lazy

from wattkeep.monitoring.models.alerts import Alert, Severity
from wattkeep.monitoring.models.devices import Site


class NotificationChannel(models.Model):
    """Where one user is told of incidents."""

    class Kind(models.TextChoices):
        APPRISE = "apprise", lazy("E-mail, messenger or webhook")
        BROWSER = "browser", lazy("In the browser")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="channels"
    )
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.APPRISE)
    # An Apprise URL, which holds passwords: encrypted (`secrets.py`), and shown masked.
    url_encrypted = models.BinaryField(max_length=4096, default=b"", editable=False)
    url_shown = models.CharField(max_length=200, blank=True, editable=False)
    minimum_severity = models.PositiveSmallIntegerField(
        choices=Severity.choices, default=Severity.WARNING
    )
    sites = models.ManyToManyField(
        Site, blank=True, related_name="channels", help_text="None chosen: all of them."
    )
    is_enabled = models.BooleanField(default=True)
    daily_cap = models.PositiveIntegerField(
        default=3, help_text="Messages a day at most, urgent ones aside."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_success_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name


class Notification(models.Model):
    """One message to one channel, kept until it is delivered or given up."""

    class Kind(models.TextChoices):
        OPENED = "opened", lazy("Opened")
        RECOVERED = "recovered", lazy("Recovered")
        REMINDER = "reminder", lazy("Reminder")
        REPORT = "report", lazy("Report")
        TEST = "test", lazy("Test")

    channel = models.ForeignKey(
        NotificationChannel, on_delete=models.CASCADE, related_name="notifications"
    )
    alert = models.ForeignKey(
        Alert, on_delete=models.CASCADE, null=True, blank=True, related_name="notifications"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    state_number = models.PositiveIntegerField(default=0)
    # Rows of a channel with the same key that are due together go out as one message.
    group_key = models.CharField(max_length=100, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)
    html = models.TextField(blank=True)
    created_at = models.DateTimeField()
    not_before = models.DateTimeField()
    # Whoever delivers it has it until then; later anybody may try again.
    claimed_until = models.DateTimeField(null=True, blank=True)
    # Rows with the same claim went out, or were tried, as one message.
    claim = models.CharField(max_length=32, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)
    # Given up; `error` says why.
    failed_at = models.DateTimeField(null=True, blank=True)
    # Held back on purpose: over the daily cap, or no longer true.
    withheld_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(
                fields=["not_before"],
                condition=models.Q(
                    delivered_at__isnull=True, failed_at__isnull=True, withheld_at__isnull=True
                ),
                name="waiting_notifications",
            ),
            models.Index(fields=["channel", "-created_at"], name="notifications_of_a_channel"),
        )
        constraints = (
            # An incident's state is told once, whoever notices it and however often.
            models.UniqueConstraint(
                fields=["channel", "alert", "kind", "state_number"],
                condition=models.Q(alert__isnull=False),
                name="one_notification_per_state",
            ),
        )

    def __str__(self) -> str:
        return self.subject


class ReportSchedule(models.Model):
    """A report that a channel gets every week or month."""

    class Period(models.TextChoices):
        WEEK = "week", lazy("Every week")
        MONTH = "month", lazy("Every month")

    channel = models.ForeignKey(
        NotificationChannel, on_delete=models.CASCADE, related_name="reports"
    )
    period = models.CharField(max_length=8, choices=Period.choices)
    is_enabled = models.BooleanField(default=True)
    # First local day of the last period reported.
    last_start = models.DateField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["channel", "period"], name="one_report_per_period"),
        )

    def __str__(self) -> str:
        return f"{self.get_period_display()}: {self.channel}"
