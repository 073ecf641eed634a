"""The mission's tables, column by column."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class Device(models.Model):
    """A meter; its key is kept as text."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    api_key = models.CharField(max_length=100, unique=True)
    location = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name

    def update_last_seen(self) -> None:
        self.last_seen = timezone.now()
        self.save(update_fields=["last_seen"])


class EnergyReading(models.Model):
    """One reading."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE)
    voltage = models.FloatField()
    current = models.FloatField()
    power = models.FloatField()
    energy = models.FloatField()
    frequency = models.FloatField()
    power_factor = models.FloatField()
    timestamp = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (
            models.Index(fields=["device", "-timestamp"]),
            models.Index(fields=["timestamp"]),
        )

    def __str__(self) -> str:
        return f"{self.device_id} {self.timestamp}"


class Alert(models.Model):
    """One row for every reading over the limit."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE)
    alert_type = models.CharField(max_length=20)
    message = models.TextField()
    value = models.FloatField(null=True)
    is_resolved = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.message
