"""How far the ledger is, what it has to do again, and what people corrected."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from wattkeep.monitoring.fields import MillisecondField
from wattkeep.monitoring.models.devices import Device


class LedgerState(models.Model):
    """How far a device's slots are made; locked while they are."""

    device = models.OneToOneField(
        Device,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        primary_key=True,
        related_name="ledger_state",
    )
    # Everything that arrived before, and left no mark, is in the slots.
    done_to = MillisecondField()
    # Single readings before this are gone by retention: their slots can be made from nothing else.
    raw_from = MillisecondField(null=True)
    # Grows with every write of the device's slots: whoever computed from older ones starts again.
    version = models.BigIntegerField(default=0)

    class Meta:
        db_table = "monitoring_ledgerstate"

    def __str__(self) -> str:
        return f"{self.device_id} to {self.done_to:%Y-%m-%d %H:%M:%S}"


class LedgerMark(models.Model):
    """Readings older than the newest arrived: slots `start` to `until` must be made again.

    Written in the transaction that stores such readings, so no crash can lose it.
    """

    pk = models.CompositePrimaryKey("device_id", "start")
    device = models.ForeignKey(
        Device,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="ledger_marks",
    )
    # The start of the slot of the oldest of them, and of the newest; None: all from `start` on.
    start = MillisecondField()
    until = MillisecondField(null=True)
    # Grows with every batch that leaves the same mark: one that grew meanwhile is not done.
    touched = models.BigIntegerField(default=0)

    class Meta:
        db_table = "monitoring_ledgermark"

    def __str__(self) -> str:
        return f"{self.device_id} from {self.start:%Y-%m-%d %H:%M}"


class Correction(models.Model):
    """A person's word on what an interval used; slots are never overwritten by it."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="corrections")
    # Both at full quarter-hours: [start, end).
    start = MillisecondField()
    end = MillisecondField()
    energy_wh = models.FloatField(
        "energy (Wh)",
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="What was really used. Empty leaves the interval out of every sum.",
    )
    reason = models.CharField(max_length=200)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("start", "id")
        indexes = (models.Index(fields=["device", "start"]),)

    def __str__(self) -> str:
        return f"{self.device_id} {self.start:%Y-%m-%d %H:%M}-{self.end:%Y-%m-%d %H:%M}"


class Lease(models.Model):
    """Which process does a periodic task, and until when nobody else may."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=40)
    until = models.DateTimeField()
    # When the task last ended well, and what went wrong since.
    done_at = models.DateTimeField(null=True)
    error = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        return f"{self.name} by {self.holder} until {self.until:%H:%M:%S}"
