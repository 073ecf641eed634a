"""Shapes of sites, members, invitations, viewer links and the audit log in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from wattkeep.api.access import devices_of
from wattkeep.api.serializers import NumberedField
from wattkeep.monitoring.models import AuditEntry
from wattkeep.monitoring.models.sharing import GIVEN_ROLES

ROLES = {10: "viewer", 20: "editor", 30: "owner"}
ROLE_NUMBERS = {word: number for number, word in ROLES.items()}
ROLE_WORDS = list(ROLES.values())
GIVEN = [ROLES[role] for role, _ in GIVEN_ROLES]
LONGEST_DAYS = 365


class SiteSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A site and what one may do there."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    role = serializers.ChoiceField(ROLE_WORDS)
    time_zone = serializers.CharField()
    currency = serializers.CharField()


class MemberSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Somebody who shares a site."""

    id = serializers.IntegerField()
    user = serializers.CharField()
    role = serializers.ChoiceField(GIVEN)
    created_at = serializers.DateTimeField()


class RoleSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Another role for a member."""

    role = serializers.ChoiceField(GIVEN)


class NewOwnerSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Who becomes the owner; the site's name is asked for, as only they can give it back."""

    member = serializers.IntegerField(min_value=1, max_value=2**62, help_text="A member's number.")
    name = serializers.CharField(max_length=100, help_text="The site's name, as a confirmation.")


class OwnerSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Whose a site is."""

    site = serializers.IntegerField()
    owner = serializers.CharField()


class NewInvitationSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Whom to invite, as what; without a user name it is a link to hand over."""

    role = serializers.ChoiceField(GIVEN)
    user = serializers.CharField(required=False, allow_blank=True, max_length=150, default="")


class InvitationSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """An offer that waits for an answer."""

    id = serializers.IntegerField()
    addressee = serializers.CharField(help_text="Empty: a link.")
    role = serializers.ChoiceField(GIVEN)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class MadeInvitationSerializer(InvitationSerializer):
    """An invitation just made; where it is a link, its address is told this once."""

    url = serializers.CharField()


@extend_schema_field(OpenApiTypes.INT)
class SeenDeviceField(NumberedField):
    """A device that whoever asks may see; any other does not exist."""

    def get_queryset(self) -> Any:
        return devices_of(self.context["request"])


class NewLinkSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a viewer link shows, for how long."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=100, default="")
    device = SeenDeviceField(
        required=False, allow_null=True, default=None, help_text="Null: the whole site."
    )
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS)


class LinkSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A viewer link; its address is not kept."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    device = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class MadeLinkSerializer(LinkSerializer):
    """A viewer link just made, with its address, which is told this once."""

    url = serializers.CharField()


class AuditQuerySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which lines of the log are asked for."""

    subject = serializers.ChoiceField(AuditEntry.Subject.choices, required=False)
    site = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    actor = serializers.CharField(required=False, max_length=150, help_text="Part of a name.")
    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)
    before = serializers.IntegerField(
        required=False, min_value=1, max_value=2**62, help_text="Older than this line."
    )
    limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=1000)


class AuditEntrySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One line of the log."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField(help_text="Empty: the system, or nobody known.")
    by_way_of = serializers.CharField(help_text="Empty: the page.")
    address = serializers.CharField()
    as_admin = serializers.BooleanField(help_text="An administrator, at somebody else's site.")
    subject = serializers.ChoiceField(AuditEntry.Subject.choices)
    site = serializers.CharField()
    thing = serializers.CharField()
    deed = serializers.CharField()
    details = serializers.CharField()


class AuditPageSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Some lines, newest first."""

    results = AuditEntrySerializer(many=True)
    next_before = serializers.IntegerField(
        allow_null=True, help_text="Ask again with before= this for older ones."
    )
