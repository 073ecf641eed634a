"""The home's settings, and what room its readings take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings as django_settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Case, Q, When
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from wattkeep.api.access import sites_of
from wattkeep.domain.calendar import time_zone_names
from wattkeep.ledger.disk import disk_state
from wattkeep.ledger.forecast import DAYS_A_YEAR, USUAL_CHOICES, measure_database, measure_devices
from wattkeep.monitoring.accounts import create_home
from wattkeep.monitoring.audit import Subject, changes, note, words_of
from wattkeep.monitoring.models import PersonLanguage, Role, Site
from wattkeep.web.site_forms import SiteForm
from wattkeep.web.wording import size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from wattkeep.ledger.forecast import DeviceSize
    from wattkeep.monitoring.audit_words import Told


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """Change the home's name, time zone, currency, price, and how long readings are kept."""
    site = _site_of(request)
    before = words_of(site)
    form = SiteForm(request.POST or None, instance=site)
    if request.method == "POST" and form.is_valid():
        form.save()
        note(request, Subject.SITE, "settings changed", on=site, details=_told(before, site))
        messages.success(request, _("Settings are saved."))
        return redirect(request.get_full_path())
    context = {
        "form": form,
        "site": site,
        "sites": sites_of(request, Role.EDITOR),
        "time_zones": time_zone_names(),
        "languages": django_settings.LANGUAGES,
        "chosen_language": PersonLanguage.objects.filter(pk=request.user.pk, is_chosen=True)
        .values_list("language", flat=True)
        .first(),
    }
    return render(request, "web/settings.html", context)


@never_cache
@login_required
@require_safe
def storage(request: HttpRequest) -> HttpResponse:
    """Show what the home's readings take, and will in a year by how long they are kept.

    A page of its own: measuring reads the whole file.
    """
    site = _site_of(request)
    database = measure_database()
    own = set(site.devices.values_list("pk", flat=True))
    devices = [one for one in measure_devices(database, timezone.now()) if one.device_id in own]
    wanted = dict.fromkeys([*USUAL_CHOICES, site.keep_raw_days])
    choices = sorted(wanted, key=lambda days: -(days or 10**9))
    disk = disk_state()
    context = {
        "site": site,
        "devices": [_device_row(device) for device in devices],
        "is_expected": not all(device.is_measured for device in devices),
        "choices": [
            {
                "days": days,
                "is_present": days == site.keep_raw_days,
                "size": size_text(_in_a_year(devices, days)),
            }
            for days in choices
        ],
        "database": size_text(database.total_bytes),
        "free": size_text(disk.free_bytes) if disk else "",
    }
    return render(request, "web/storage.html", context)


def _told(before: dict[str, str | Told], site: Site) -> list[Told]:
    # Read again: the form leaves numbers as they were typed.
    return changes(before, words_of(Site.objects.get(pk=site.pk)))


def _in_a_year(devices: Sequence[DeviceSize], keep_raw_days: int | None) -> float:
    return sum(device.bytes_in_days(DAYS_A_YEAR, keep_raw_days) for device in devices)


def _device_row(device: DeviceSize) -> dict[str, str]:
    return {
        "name": device.name,
        "now": size_text(device.sealed_bytes + device.rows_bytes + device.slots_bytes),
        "readings": size_text(device.sealed_bytes_a_day * DAYS_A_YEAR),
        "slots": size_text(device.slots_bytes_a_day * DAYS_A_YEAR),
    }


def _site_of(request: HttpRequest) -> Site:
    """Return the site asked for, else one's home; one is made for those who have none."""
    sites = sites_of(request, Role.EDITOR)
    if (number := request.GET.get("site", "")).isdecimal():
        return get_object_or_404(sites, pk=int(number[:18]))
    own = Q(owner_id=request.user.pk)
    first = sites.order_by(Case(When(own, then=0), default=1), "id").first()
    return first or create_home(request.user)  # type: ignore[arg-type]  # login_required
