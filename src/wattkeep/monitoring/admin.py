"""The admin's view of sites, devices, alerts and users; what is changed there is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.utils.translation import gettext_noop as noop

from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.audit_words import Told, tell
from wattkeep.monitoring.deletion import delete_exports
from wattkeep.monitoring.models import Alert, Device, Export, Site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest


KINDS = {
    Site: noop("Site"),
    Device: noop("Device"),
    User: noop("User"),
    Alert: noop("Incident"),
}
CHANGED = noop("Changed: %(what)s")


class AuditedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What is changed here stands in the audit log as well, as done by an administrator."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        _note(request, obj, "added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        _note(request, obj, "changed", _changed_fields(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Model]) -> Any:
        for obj in queryset:
            _note(request, obj, "deleted")
        return super().log_deletions(request, queryset)


def _note(request: HttpRequest, obj: Model, deed: str, changed: Sequence[str] = ()) -> None:
    """Write a line, at the site that the row is of; one of a site that goes would stay nowhere."""
    place = obj.device if isinstance(obj, Alert) else obj
    on = place if isinstance(place, Device | Site | User) and deed != "deleted" else None
    lines = [Told(KINDS[type(obj)]), *(tell(CHANGED, what=Told(name)) for name in changed)]
    note(request, Subject.ADMIN, deed, on=on, name=str(obj), details=lines)


def _changed_fields(message: Any) -> list[str]:
    changed = [one["changed"].get("fields", []) for one in message if "changed" in one]
    return list(dict.fromkeys(name for fields in changed for name in fields))


admin.site.unregister(User)


@admin.register(User)
class AuditedUserAdmin(AuditedAdmin, UserAdmin):  # type: ignore[type-arg]
    """Django's users. Their large files go before them: not as one transaction of gigabytes."""

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        user = self.get_object(request, unquote(object_id))
        # Django's own transaction begins with its view, so this is the last place before it.
        may = user is not None and self.has_delete_permission(request, user)
        if request.method == "POST" and may:
            delete_exports(Export.objects.filter(user=user))
        return super().delete_view(request, object_id, extra_context)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        delete_exports(Export.objects.filter(user__in=queryset))
        super().delete_queryset(request, queryset)


@admin.register(Site)
class SiteAdmin(AuditedAdmin):
    """Sites."""

    list_display = ("name", "owner", "time_zone", "currency")
    search_fields = ("name", "owner__username")
    list_select_related = ("owner",)


@admin.register(Device)
class DeviceAdmin(AuditedAdmin):
    """Devices. They are made where their key can be shown, and not deleted with their history."""

    list_display = ("name", "user", "site", "location", "is_active", "key_prefix")
    list_filter = ("is_active",)
    search_fields = ("name", "location", "user__username", "key_prefix")
    list_select_related = ("user", "site")
    readonly_fields = ("key_prefix", "created_at", "last_contact")

    @admin.display(description="last seen")
    def last_contact(self, device: Device) -> datetime | None:
        return device.last_seen

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return False


@admin.register(Alert)
class AlertAdmin(AuditedAdmin):
    """Incidents."""

    list_display = ("message", "device", "alert_type", "is_resolved", "created_at", "resolved_at")
    list_filter = ("is_resolved", "alert_type")
    search_fields = ("message", "device__name")
    list_select_related = ("device",)
    raw_id_fields = ("device",)
