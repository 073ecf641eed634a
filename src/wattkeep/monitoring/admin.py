"""The admin's view of sites, devices and alerts; users are Django's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from wattkeep.monitoring.models import Alert, Device, Site

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest


@admin.register(Site)
class SiteAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Sites."""

    list_display = ("name", "owner", "time_zone", "currency")
    search_fields = ("name", "owner__username")
    list_select_related = ("owner",)


@admin.register(Device)
class DeviceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
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
class AlertAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Incidents."""

    list_display = ("message", "device", "alert_type", "is_resolved", "created_at", "resolved_at")
    list_filter = ("is_resolved", "alert_type")
    search_fields = ("message", "device__name")
    list_select_related = ("device",)
    raw_id_fields = ("device",)
