"""What proves who somebody is, beside passwords: tokens, old device keys, invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

from wattkeep.monitoring.models.devices import Device

if TYPE_CHECKING:
    from datetime import datetime


class AccessToken(models.Model):
    """What a program proves itself with in place of its user. Only its hash is kept."""

    class Scope(models.TextChoices):
        """What a token may do; each may do what those before it may."""

        READ = "read"
        WRITE = "write"
        ADMIN = "admin"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_tokens"
    )
    name = models.CharField(max_length=100)
    scope = models.CharField(max_length=5, choices=Scope.choices, default=Scope.READ)
    token_prefix = models.CharField(max_length=16, unique=True, editable=False)
    # SHA-256, as of device keys: the token has 190 random bits, a slow hash would add nothing.
    token_hash = models.BinaryField(max_length=32, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name

    def allows(self, scope: str) -> bool:
        """Tell whether this token may do what needs `scope`."""
        order = self.Scope.values
        return order.index(self.scope) >= order.index(scope)

    def is_good_at(self, now: datetime) -> bool:
        return now < self.expires_at


class OldKey(models.Model):
    """A device's key that was replaced and is still good until a time."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="old_keys")
    key_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    key_prefix = models.CharField(max_length=16, unique=True, editable=False)
    # Encrypted, as in Device.
    signing_key = models.BinaryField(max_length=256, editable=False)
    good_until = models.DateTimeField()

    class Meta:
        ordering = ("-good_until", "id")

    def __str__(self) -> str:
        return self.key_prefix


class AccountInvitation(models.Model):
    """A link by which one person may make an account where registration is by invitation."""

    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="account_invitations"
    )
    email = models.EmailField(blank=True)
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.email or f"invitation {self.pk}"
