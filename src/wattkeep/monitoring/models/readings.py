"""What meters said, as rows, sealed days and quarter-hours, and what happened to them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as lazy

from wattkeep.monitoring.fields import MillisecondField
from wattkeep.monitoring.models.devices import Device


class MeterEvent(models.Model):
    """Something other than a reading that happened to a device, from `timestamp` to `until`."""

    class Kind(models.TextChoices):
        BOOT = "boot", lazy("Board started")
        SILENT = "silent", lazy("Meter did not answer")
        # What the ledger makes out of the counter (domain/counter.py); it alone writes these.
        RESET = "reset", lazy("Counter was set to zero")
        ROLLOVER = "rollover", lazy("Counter ran over")
        GLITCH = "glitch", lazy("Counter was misread")
        JITTER = "jitter", lazy("Counter dipped")
        JUMP = "jump", lazy("Counter of another meter")
        GAP = "gap", lazy("No readings")
        SWAP = "swap", lazy("Meter or board was replaced")

    pk = models.CompositePrimaryKey("device_id", "kind", "timestamp")
    device = models.ForeignKey(
        Device,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="events",
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    timestamp = MillisecondField()
    until = MillisecondField()
    # Silence: how many windows without an answer it is made of. Glitches and jitter: how many
    # there were in the quarter-hour.
    windows = models.BigIntegerField(default=0)
    # The counter before and after, and the energy that was counted in between.
    before_wh = models.FloatField(null=True)
    after_wh = models.FloatField(null=True)
    energy_wh = models.FloatField(null=True)
    note = models.TextField(default="", db_default="", blank=True)

    class Meta:
        db_table = "monitoring_meterevent"

    def __str__(self) -> str:
        return f"{self.device_id} {self.kind} {self.timestamp:%Y-%m-%d %H:%M:%S}"


class EnergyReading(models.Model):
    """What the meter said at one instant; a finished day moves into a ReadingBlock.

    Unique per device and time: a board that never saw our answer sends the same reading again,
    and nobody may pay for it twice. What arrives on the wire has all six values; history brought
    in from elsewhere may have nothing but the counter.
    """

    pk = models.CompositePrimaryKey("device_id", "timestamp")
    device = models.ForeignKey(
        Device,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="readings",
    )
    timestamp = MillisecondField()
    voltage = models.FloatField("voltage (V)", null=True)
    current = models.FloatField("current (A)", null=True)
    power = models.FloatField("power (W)", null=True)
    energy = models.FloatField("energy (kWh)", help_text="The meter's counter.")
    frequency = models.FloatField("frequency (Hz)", null=True)
    power_factor = models.FloatField(null=True)

    class Meta:
        db_table = "monitoring_energyreading"

    def __str__(self) -> str:
        return f"{self.device_id} {self.timestamp:%Y-%m-%d %H:%M:%S} {self.power} W"


class ReadingBlock(models.Model):
    """One device's readings of one finished UTC day, each column compressed (`ledger/blocks`)."""

    pk = models.CompositePrimaryKey("device_id", "day")
    device = models.ForeignKey(
        Device,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="blocks",
    )
    # The day's first instant.
    day = MillisecondField()
    format = models.PositiveSmallIntegerField()
    count = models.PositiveIntegerField()
    # CRC-32 over the columns as stored, in the order below.
    checksum = models.BigIntegerField()
    # Most charts show power: what they need comes first, SQLite reads a row from its front.
    timestamps = models.BinaryField()
    power = models.BinaryField()
    energy = models.BinaryField()
    voltage = models.BinaryField()
    current = models.BinaryField()
    frequency = models.BinaryField()
    power_factor = models.BinaryField()

    class Meta:
        db_table = "monitoring_readingblock"

    def __str__(self) -> str:
        return f"{self.device_id} {self.day:%Y-%m-%d}: {self.count} readings"


class EnergySlot(models.Model):
    """One device's 15 minutes: energy used, and what the readings in them were like.

    Made from readings alone, by `wattkeep.ledger`; made again whenever late ones arrive.
    """

    pk = models.CompositePrimaryKey("device_id", "start")
    device = models.ForeignKey(
        Device,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="slots",
    )
    start = MillisecondField()
    # Thousandths of a watt-hour, whole: sums of them are exact.
    measured_mwh = models.BigIntegerField(default=0)
    estimated_mwh = models.BigIntegerField(default=0)
    samples = models.PositiveIntegerField(default=0)
    power_min = models.FloatField(null=True)
    power_mean = models.FloatField(null=True)
    power_max = models.FloatField(null=True)
    voltage_min = models.FloatField(null=True)
    voltage_mean = models.FloatField(null=True)
    voltage_max = models.FloatField(null=True)
    current_min = models.FloatField(null=True)
    current_mean = models.FloatField(null=True)
    current_max = models.FloatField(null=True)
    frequency_min = models.FloatField(null=True)
    frequency_mean = models.FloatField(null=True)
    frequency_max = models.FloatField(null=True)
    power_factor_min = models.FloatField(null=True)
    power_factor_mean = models.FloatField(null=True)
    power_factor_max = models.FloatField(null=True)
    # What the counter's rules know at the end of the slot: from here they go on.
    counter_at = MillisecondField(null=True)
    counter_wh = models.FloatField(null=True)
    counter_power_w = models.FloatField(null=True)
    # Samples that wait to be confirmed or dropped, as JSON; nearly always none.
    pending = models.TextField(default="", blank=True)

    class Meta:
        db_table = "monitoring_energyslot"

    def __str__(self) -> str:
        return f"{self.device_id} {self.start:%Y-%m-%d %H:%M}"
