"""What Wattkeep stores: columns and constraints; the rules live elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction

from wattkeep.domain.calendar import is_time_zone
from wattkeep.monitoring import board_models  # noqa: F401 - Django looks for tables here
from wattkeep.monitoring.fields import MillisecondField

if TYPE_CHECKING:
    from datetime import datetime


def validate_time_zone(name: str) -> None:
    """Raise ValidationError unless `name` is an IANA time zone such as Europe/Paris."""
    if not is_time_zone(name):
        raise ValidationError(
            "%(name)s is not a time zone. Write one such as Europe/Paris.", params={"name": name}
        )


class Site(models.Model):
    """A home or building."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sites"
    )
    name = models.CharField(max_length=100)
    time_zone = models.CharField(
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text="Days and months are counted in this zone, e.g. Europe/Paris.",
    )
    currency = models.CharField(
        max_length=3,
        default="EUR",
        validators=[RegexValidator(r"^[A-Z]{3}$", "Write three capital letters, e.g. EUR.")],
    )
    keep_raw_days = models.PositiveIntegerField(
        "keep single readings for (days)",
        null=True,
        blank=True,
        validators=[MinValueValidator(7), MaxValueValidator(36_500)],
        help_text="Empty keeps every reading for good. Quarter-hour figures stay in any case.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Device(models.Model):
    """A metering point. Its hardware can be swapped; its history stays."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="devices"
    )
    site = models.ForeignKey(Site, on_delete=models.RESTRICT, related_name="devices")
    name = models.CharField(max_length=100)
    location = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(
        default=True, help_text="An inactive device's readings are refused."
    )
    # SHA-256 of the key: whoever steals the database cannot post with it. A slow hash would add
    # nothing, the key has 190 random bits.
    key_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    key_prefix = models.CharField(max_length=16, unique=True, editable=False)
    # What signed bodies are checked with: derived from the key, encrypted (`secrets.py`).
    signing_key = models.BinaryField(max_length=256, default=b"", editable=False)
    signed_only = models.BooleanField(
        "signed readings only",
        default=False,
        help_text="Refuse posts that show the key itself, which can be overheard on plain HTTP.",
    )
    config_version = models.PositiveIntegerField(default=1, editable=False)
    parent = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="children",
        help_text="The device behind whose meter this one sits.",
    )
    range_w = models.PositiveIntegerField(
        "meter range (W)",
        default=23_000,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text="The most this meter can measure: 23000 W, or 2300 W for the 10 A type.",
    )
    interval_s = models.PositiveIntegerField(
        "interval (s)",
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text="How often it reports.",
    )
    has_counter = models.BooleanField(
        "has an energy counter",
        default=True,
        help_text="Without one, energy is worked out from power.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    # Changed where they are, never written back from a copy that may be old.
    KEY_COLUMNS = frozenset({"key_hash", "key_prefix", "signing_key"})
    COUNTED_COLUMNS = frozenset({"config_version"})

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        is_new = self._state.adding
        if not is_new:
            # Whoever changes a name must not write back the key that was replaced meanwhile.
            columns = {field.name for field in self._meta.concrete_fields} - self.KEY_COLUMNS
            kwargs.setdefault("update_fields", columns - self.COUNTED_COLUMNS - {"id"})
        with transaction.atomic():
            if not is_new and "interval_s" in kwargs["update_fields"]:
                self._count_new_interval()
            super().save(*args, **kwargs)
            KeyChange.note()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            deleted = super().delete(*args, **kwargs)
            KeyChange.note()
        return deleted

    def _count_new_interval(self) -> None:
        """Let the board ask for its configuration again if its interval is about to change."""
        stored = Device.objects.filter(pk=self.pk).exclude(interval_s=self.interval_s)
        stored.update(config_version=models.F("config_version") + 1)

    @property
    def last_seen(self) -> datetime | None:
        """When anything signed with this device's key last arrived; written every few seconds."""
        boots = DeviceBoot.objects.filter(device_id=self.pk)
        last: datetime | None = boots.aggregate(last=models.Max("last_seen"))["last"]
        return last


class KeyChange(models.Model):
    """One row whose number grows with every change to a device or key.

    Each server process looks at it once a second and drops its key cache when it has moved.
    """

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def note(cls) -> None:
        """Tell every server process that a device or key changed."""
        if not cls.objects.filter(pk=1).update(number=models.F("number") + 1):
            cls.objects.get_or_create(pk=1, defaults={"number": 1})


class DeviceBoot(models.Model):
    """What changes with every post, kept off Device: one row a boot of its board.

    A board that posts single readings tells no boot: its row has the empty one. Rows stay for
    good: a body replayed years later is known by its boot and changes nothing.
    """

    pk = models.CompositePrimaryKey("device_id", "boot")
    device = models.ForeignKey(
        Device,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="boots",
    )
    boot = models.CharField(max_length=16, default="")
    # Every window up to this number is stored or refused for good.
    last_seq = models.BigIntegerField(default=0)
    # Numbers above it that came early, as runs: "7-9,12".
    ahead = models.TextField(default="", blank=True)
    first_seen = MillisecondField()
    last_seen = MillisecondField()
    firmware = models.CharField(max_length=32, default="", blank=True)
    uptime_s = models.BigIntegerField("uptime (s)", null=True)
    rssi_dbm = models.IntegerField("signal (dBm)", null=True)
    free_heap = models.IntegerField("free heap (bytes)", null=True)

    class Meta:
        db_table = "monitoring_deviceboot"

    def __str__(self) -> str:
        return f"{self.device_id}/{self.boot or '-'}"


class MeterEvent(models.Model):
    """Something other than a reading that happened to a device, from `timestamp` to `until`."""

    class Kind(models.TextChoices):
        BOOT = "boot", "Board started"
        SILENT = "silent", "Meter did not answer"
        # What the ledger makes out of the counter (domain/counter.py); it alone writes these.
        RESET = "reset", "Counter was set to zero"
        ROLLOVER = "rollover", "Counter ran over"
        GLITCH = "glitch", "Counter was misread"
        JITTER = "jitter", "Counter dipped"
        JUMP = "jump", "Counter of another meter"
        GAP = "gap", "No readings"
        SWAP = "swap", "Meter or board was replaced"

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


class Alert(models.Model):
    """One incident of a device: opened when a rule is broken, resolved when it holds again."""

    class Type(models.TextChoices):
        HIGH_POWER = "HIGH_POWER", "High power"

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="alerts")
    alert_type = models.CharField(max_length=20, choices=Type.choices)
    message = models.TextField()
    value = models.FloatField(help_text="What was measured when it opened.")
    is_resolved = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=["device", "-created_at"]),)
        constraints = (
            # Two workers that see the same rise open one incident, not two.
            models.UniqueConstraint(
                fields=["device", "alert_type"],
                condition=models.Q(is_resolved=False),
                name="one_open_alert_per_device_and_type",
            ),
        )

    def __str__(self) -> str:
        return self.message
