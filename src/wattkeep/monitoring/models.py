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
    price_per_kwh = models.DecimalField(
        "price of a kWh",
        max_digits=10,
        decimal_places=5,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="In the currency above, e.g. 0.32. Empty shows no costs.",
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

    INFO = 10, "Note"
    WARNING = 20, "Warning"
    CRITICAL = 30, "Urgent"


class AlertType(models.TextChoices):
    """What an incident is about."""

    HIGH_POWER = "HIGH_POWER", "High power"
    HIGH_VOLTAGE = "HIGH_VOLTAGE", "High voltage"
    LOW_VOLTAGE = "LOW_VOLTAGE", "Low voltage"
    HIGH_CURRENT = "HIGH_CURRENT", "High current"
    LOW_PF = "LOW_PF", "Low power factor"
    FREQUENCY = "FREQUENCY", "Mains frequency"
    LONG_LOAD = "LONG_LOAD", "Long-running load"
    ENERGY_DAY = "ENERGY_DAY", "Energy of the day"
    ENERGY_MONTH = "ENERGY_MONTH", "Energy of the month"
    METER_SILENT = "METER_SILENT", "Meter silent"
    DEVICE_OFFLINE = "DEVICE_OFFLINE", "Device offline"
    SITE_OFFLINE = "SITE_OFFLINE", "Site offline"
    COUNTER_RESET = "COUNTER_RESET", "Counter reset"
    CUSTOM = "CUSTOM", "Own rule"


class AlertRule(models.Model):
    """What is watched of a device, or of every device of a site, and when it is an incident."""

    class Metric(models.TextChoices):
        POWER = "power", "Power (W)"
        VOLTAGE = "voltage", "Voltage (V)"
        CURRENT = "current", "Current (A)"
        POWER_FACTOR = "power_factor", "Power factor"
        FREQUENCY_OFF = "frequency_off", "Distance from 50 or 60 Hz (Hz)"
        ENERGY_DAY = "energy_day", "Energy of the day (kWh)"
        ENERGY_MONTH = "energy_month", "Energy of the month (kWh)"
        SILENT = "silent", "Meter silent"
        OFFLINE = "offline", "Offline"
        COUNTER = "counter", "Fall of the counter (kWh)"

    class Comparison(models.TextChoices):
        ABOVE = "above", "above"
        BELOW = "below", "below"

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


class NotificationChannel(models.Model):
    """Where one user is told of incidents."""

    class Kind(models.TextChoices):
        APPRISE = "apprise", "E-mail, messenger or webhook"
        BROWSER = "browser", "In the browser"

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
        OPENED = "opened", "Opened"
        RECOVERED = "recovered", "Recovered"
        REMINDER = "reminder", "Reminder"
        REPORT = "report", "Report"
        TEST = "test", "Test"

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
        WEEK = "week", "Every week"
        MONTH = "month", "Every month"

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


class SweepMark(models.Model):
    """One row: since when this installation has been able to hear, and when it last looked."""

    listening_since = models.DateTimeField()
    swept_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.swept_at:%Y-%m-%d %H:%M:%S}"
