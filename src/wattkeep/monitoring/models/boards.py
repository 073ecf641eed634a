"""What Wattkeep stores about boards: what they are told, what they said, and their firmware."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class BoardSetup(models.Model):
    """What a device's board is told beside the interval; empty means: as in its own file."""

    device = models.OneToOneField(
        "monitoring.Device", on_delete=models.CASCADE, primary_key=True, related_name="board_setup"
    )
    display = models.BooleanField(null=True)
    contrast = models.PositiveSmallIntegerField(null=True, validators=[MaxValueValidator(255)])
    # Modbus addresses, 1 to 247, or 248 for "any": a short list.
    meters = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return f"setup of {self.device_id}"


class BoardReport(models.Model):
    """What a board said of itself when it last asked for news."""

    device = models.OneToOneField(
        "monitoring.Device", on_delete=models.CASCADE, primary_key=True, related_name="board_report"
    )
    reported_at = models.DateTimeField()
    boot = models.CharField(max_length=16, default="", blank=True)
    firmware = models.CharField(max_length=32, default="", blank=True)
    slot = models.CharField(max_length=1, default="", blank=True)
    # The configuration it had applied when it asked.
    config_version = models.BigIntegerField(default=0)
    # The one it was answered: it has applied that, or asks again with its next post.
    told_version = models.BigIntegerField(default=0)
    uptime_s = models.BigIntegerField("uptime (s)", null=True)
    rssi_dbm = models.IntegerField("signal (dBm)", null=True)
    free_heap = models.IntegerField("free heap (bytes)", null=True)
    bad_polls = models.BigIntegerField(null=True)
    backlog = models.IntegerField("windows waiting", null=True)
    resets = models.IntegerField(null=True)
    reset_cause = models.IntegerField(null=True)
    log = models.TextField(default="", blank=True)
    log_at = models.DateTimeField(null=True)
    # Of its last requests: one that comes again was recorded by somebody and changes nothing.
    nonces = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        return f"report of {self.device_id}"


class BoardCommand(models.Model):
    """Something a board is to do once."""

    class Kind(models.TextChoices):
        RESET_ENERGY = "reset_energy", "Set the meter's counter to 0"
        REBOOT = "reboot", "Restart the board"
        SEND_LOG = "send_log", "Send its log"

    device = models.ForeignKey(
        "monitoring.Device", on_delete=models.CASCADE, related_name="board_commands"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    result = models.CharField(max_length=60, default="", blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            # Two clicks at once ask for one thing, not for two.
            models.UniqueConstraint(
                fields=["device", "kind"],
                condition=models.Q(done_at=None),
                name="one_waiting_command_per_device_and_kind",
            ),
        )

    def __str__(self) -> str:
        return f"{self.device_id} {self.kind}"


class FirmwareRelease(models.Model):
    """A version of the board's application files, and how far it is rolled out."""

    version = models.CharField(max_length=32, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    share = models.PositiveSmallIntegerField(
        "share of devices (%)",
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    manifest = models.BinaryField()
    manifest_sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField("size (bytes)")
    withdrawn_at = models.DateTimeField(null=True)
    halted_at = models.DateTimeField(null=True)
    halt_reason = models.CharField(max_length=200, default="", blank=True)
    # Trials that ended before do not count against it: somebody looked at them and went on.
    counted_from = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.version


class FirmwareFile(models.Model):
    """One file of a release."""

    release = models.ForeignKey(FirmwareRelease, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()

    class Meta:
        ordering = ("path",)
        constraints = (
            models.UniqueConstraint(fields=["release", "path"], name="one_file_per_path"),
        )

    def __str__(self) -> str:
        return self.path


class FirmwareTrial(models.Model):
    """What became of a release on one device."""

    class State(models.TextChoices):
        OFFERED = "offered", "Offered"
        FETCHING = "fetching", "Being fetched or tried"
        CONFIRMED = "confirmed", "Runs"
        FAILED = "failed", "Rolled back"

    release = models.ForeignKey(FirmwareRelease, on_delete=models.CASCADE, related_name="trials")
    device = models.ForeignKey(
        "monitoring.Device", on_delete=models.CASCADE, related_name="firmware_trials"
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.OFFERED)
    offered_at = models.DateTimeField()
    fetched_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=100, default="", blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=["release", "device"], name="one_trial_per_device"),
        )
        indexes = (models.Index(fields=["release", "state"]),)

    def __str__(self) -> str:
        return f"{self.device_id} {self.release_id} {self.state}"
