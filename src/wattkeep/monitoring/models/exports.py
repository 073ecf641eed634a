"""Files that people ordered: made bit by bit, kept for some days."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as lazy

from wattkeep.monitoring.models.devices import Device


class Export(models.Model):
    """An ordered file of one or more devices, and how far it is made.

    Its bytes are in `ExportChunk`. `part` and `done_to` say where the next piece begins: they are
    written in the piece's own transaction, so whoever goes on after a crash makes the same file.
    """

    class What(models.TextChoices):
        """What a line of the file is."""

        READINGS = "readings", lazy("Every reading")
        QUARTER_HOURS = "quarter-hours", lazy("Quarter-hours with kWh")

    class Format(models.TextChoices):
        """How a line is written."""

        CSV = "csv", "CSV"
        NDJSON = "ndjson", "NDJSON"

    class State(models.TextChoices):
        """What became of it."""

        MAKING = "making", lazy("Being prepared")
        READY = "ready", lazy("Ready")
        FAILED = "failed", lazy("Failed")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="exports"
    )
    # The device's or the site's, as it was then.
    name = models.CharField(max_length=200)
    # Of a site: each line names its device.
    is_of_site = models.BooleanField(default=False)
    # One that is deleted takes its part along, and what is left is nobody's order any more.
    device_count = models.PositiveIntegerField()
    what = models.CharField(max_length=16, choices=What.choices)
    format = models.CharField(max_length=8, choices=Format.choices)
    start = models.DateTimeField()
    end = models.DateTimeField()
    created_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.MAKING)
    error = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    part = models.PositiveIntegerField(default=0)
    done_to = models.DateTimeField(null=True)
    chunks = models.PositiveIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)

    # Set by who reads it for its person: there is a device in it that they may not see any more.
    is_hidden = False

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(state="making"),
                name="one_export_at_a_time_per_person",
            ),
        )

    def __str__(self) -> str:
        return f"{self.what} of {self.name}"


class ExportPart(models.Model):
    """A device of an export, in the file's order."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="parts")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="export_parts")
    place = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["export", "place"], name="one_device_per_place"),
        )

    def __str__(self) -> str:
        return f"{self.device} in {self.export}"


class ExportChunk(models.Model):
    """A piece of an export's file: gzip data that stands by itself, as its neighbours do."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["export", "number"], name="one_piece_per_number"),
        )

    def __str__(self) -> str:
        return f"piece {self.number} of export {self.export_id}"
