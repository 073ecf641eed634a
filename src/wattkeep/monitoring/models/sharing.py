"""Who shares a site, by which links strangers may look at it, and who changed what."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as lazy

from wattkeep.monitoring.models.devices import Device, Site


class Role(models.IntegerChoices):
    """What somebody may do at a site; each may do what those before it may."""

    VIEWER = 10, lazy("Viewer")
    EDITOR = 20, lazy("Editor")
    OWNER = 30, lazy("Owner")


# A site has one owner, and that is a column of its own.
GIVEN_ROLES = ((Role.VIEWER.value, Role.VIEWER.label), (Role.EDITOR.value, Role.EDITOR.label))


class SiteMember(models.Model):
    """Somebody beside its owner who may see a site, or change things there."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.PositiveSmallIntegerField(choices=GIVEN_ROLES, default=Role.VIEWER)
    # Their own choice: no messages about this site.
    is_muted = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("user__username", "id")
        constraints = (
            models.UniqueConstraint(fields=["site", "user"], name="one_role_per_site_and_user"),
        )

    def __str__(self) -> str:
        return f"{self.user} at {self.site}"


class SiteInvitation(models.Model):
    """An offer of a role at a site: to one account, or to whoever opens its link first."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="invitations")
    role = models.PositiveSmallIntegerField(choices=GIVEN_ROLES, default=Role.VIEWER)
    # Whom it was written to: a user name or an e-mail address; empty for a link handed over.
    addressee = models.CharField(max_length=254, blank=True)
    # None for a link, and where there is no account of that name, which nobody is told.
    invitee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="site_invitations",
    )
    # SHA-256 of the link's random part; None where there is no link.
    token_hash = models.BinaryField(max_length=32, null=True, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"{self.addressee or 'link'} to {self.site}"


class ViewerLink(models.Model):
    """An address that shows a device or a site to whoever has it, and nothing else."""

    name = models.CharField(max_length=100, blank=True, help_text="Whom it is for.")
    # Always set, so that whose it is takes one look; a device's link names it as well.
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="viewer_links")
    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, null=True, blank=True, related_name="viewer_links"
    )
    # SHA-256: whoever steals the database cannot open it.
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.name or f"link {self.pk}"


class AuditEntry(models.Model):
    """One line of who changed what. What it names may be gone, so it holds the names itself."""

    class Subject(models.TextChoices):
        """What kind of thing was changed."""

        ACCOUNT = "account", lazy("Account")
        LOGIN = "login", lazy("Log-in")
        TOKEN = "token", lazy("Token")
        KEY = "key", lazy("Device key")
        DEVICE = "device", lazy("Device")
        BOARD = "board", lazy("Board")
        CORRECTION = "correction", lazy("Correction")
        RULE = "rule", lazy("Rule")
        INCIDENT = "incident", lazy("Incident")
        CHANNEL = "channel", lazy("Channel")
        SITE = "site", lazy("Site")
        MEMBER = "member", lazy("Member")
        LINK = "link", lazy("Viewer link")
        FIRMWARE = "firmware", lazy("Firmware")
        ADMIN = "admin", lazy("Administration")

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    actor_name = models.CharField(max_length=150, blank=True)
    # By a token's name where a program did it, "command" on the machine itself.
    by_way_of = models.CharField(max_length=120, blank=True)
    address = models.CharField(max_length=45, blank=True)
    # Done by an administrator to what is somebody else's.
    is_as_admin = models.BooleanField(default=False)
    subject = models.CharField(max_length=12, choices=Subject.choices)
    # Whose site it is about, or whose account; an entry with neither is the installation's.
    site = models.ForeignKey(
        Site, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    thing = models.CharField(max_length=200, blank=True)
    deed = models.CharField(max_length=200)
    details = models.TextField(blank=True)

    class Meta:
        ordering = ("-at", "-id")
        indexes = (
            models.Index(fields=["-at", "-id"], name="audit_newest"),
            models.Index(fields=["site", "-at"], name="audit_of_a_site"),
            models.Index(fields=["account", "-at"], name="audit_of_an_account"),
        )

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.thing} {self.deed}"
