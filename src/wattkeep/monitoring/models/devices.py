"""Homes, what is measured in them, and their keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.utils.translation import gettext_lazy as lazy

from wattkeep.domain.calendar import is_time_zone
from wattkeep.exchange import announce
from wattkeep.monitoring.fields import MillisecondField

if TYPE_CHECKING:
    from datetime import datetime


def validate_time_zone(name: str) -> None:
    """Raise ValidationError unless `name` is an IANA time zone such as Europe/Paris."""
    if not is_time_zone(name):
        raise ValidationError(
            lazy("%(name)s is not a time zone. Write one such as Europe/Paris."),
            params={"name": name},
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

    Each server process looks at it once a second, and when another one announces a change; it
    drops its key cache when the number has moved.
    """

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def note(cls) -> None:
        """Tell every server process that a device or key changed."""
        if not cls.objects.filter(pk=1).update(number=models.F("number") + 1):
            cls.objects.get_or_create(pk=1, defaults={"number": 1})
        transaction.on_commit(partial(announce, "keys"), robust=True)


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
