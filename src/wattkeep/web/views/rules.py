"""Rules: what is watched, changed, tried on the last 30 days."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from wattkeep.alerts.incidents import retire
from wattkeep.alerts.preview import RECOVERY_SHARE, preview, propose
from wattkeep.alerts.rules import READING_METRICS, Metric, rules_of
from wattkeep.alerts.wording import rule_name
from wattkeep.api.access import devices_of, require, sites_of, sites_to_change
from wattkeep.api.alert_views import preview_payload
from wattkeep.api.audited import note_rule, place_of
from wattkeep.monitoring.access import principal_of
from wattkeep.monitoring.audit import changes, words_of
from wattkeep.monitoring.models import AlertRule, Role, Severity
from wattkeep.web.alert_wording import (
    TONES,
    episode_lines,
    quiet_text,
    recovery_sentence,
    rule_sentence,
)
from wattkeep.web.rule_forms import RuleForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, QueryDict

    from wattkeep.monitoring.models import Device

NO_PROPOSAL = lazy("There is no limit to suggest: that takes a week of readings of this kind.")
# Fields that share a line with the next one of them.
NARROW = (
    "comparison", "threshold", "recovery_threshold", "recovery_hold_s", "quiet_from", "quiet_until",
)  # fmt: skip
# So many places are shown with all their rules at once: a site with one device.
GROUPS_OPEN = 2
TRIED_METRICS = {*READING_METRICS, Metric.OFFLINE}


@never_cache
@login_required
@require_safe
def rule_list(request: HttpRequest) -> HttpResponse:
    """Show the rules of each site and device."""
    who = principal_of(request)
    rules = rules_of(who).order_by("device__name", "device_id", "site__name", "id")
    groups, changed = [], sites_to_change(request)
    for place, members in groupby(rules, key=lambda rule: rule.device or rule.site):
        is_ours = getattr(place, "site_id", getattr(place, "pk", None)) in changed
        rows = [_shown(rule) for rule in members]
        groups.append((_key(rows[0]["rule"]), place, is_ours, rows, _count_words(rows)))
    context = {
        "groups": groups,
        "is_short": len(groups) <= GROUPS_OPEN,
        "opened": request.GET.get("place"),
        "has_devices": devices_of(request, Role.EDITOR).exists(),
    }
    return render(request, "web/alerts/rules.html", context)


def _key(rule: AlertRule) -> str:
    """Return where a rule belongs as addresses and forms say it."""
    return f"device-{rule.device_id}" if rule.device_id else f"site-{rule.site_id}"


def _to_list(rule: AlertRule) -> HttpResponse:
    """Lead back to the list, to where the rule is and its neighbours are shown."""
    key = _key(rule)
    return redirect(f"{reverse('web:rules')}?place={key}#{key}")


def _count_words(rows: list[dict[str, Any]]) -> str:
    """Return how many rules there are, and how many of them are off."""
    off = sum(not row["rule"].is_enabled for row in rows)
    words = ngettext("%(count)s rule", "%(count)s rules", len(rows)) % {"count": len(rows)}
    return words + (_(", %(count)s off") % {"count": off} if off else "")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rule_add(request: HttpRequest) -> HttpResponse:
    """Make a rule."""
    return _edit(request, AlertRule(metric=Metric.POWER, recovery_hold_s=600, hold_s=30))


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rule_edit(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Change a rule."""
    return _edit(request, _rule_or_404(request, rule_id))


@login_required
@require_POST
def rule_switch(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Switch a rule on or off, or delete it."""
    rule = _rule_or_404(request, rule_id)
    deed = request.POST.get("do")
    if deed == "delete":
        retire(rule, timezone.now())
        rule.delete()
        note_rule(request, rule, "deleted")
        messages.success(
            request, _("%(name)s is deleted; its incidents stay.") % {"name": rule_name(rule)}
        )
    elif deed in {"on", "off"}:
        rule.is_enabled = deed == "on"
        rule.save()
        if not rule.is_enabled:
            retire(rule, timezone.now())
        note_rule(request, rule, "switched on" if rule.is_enabled else "switched off")
        words = _("%(name)s is on.") if rule.is_enabled else _("%(name)s is off.")
        messages.success(request, words % {"name": rule_name(rule)})
    return _to_list(rule)


def _rule_or_404(request: HttpRequest, rule_id: int) -> AlertRule:
    """Return a rule that whoever asks may change."""
    rule = get_object_or_404(rules_of(principal_of(request)), pk=rule_id)
    require(request, place_of(rule), Role.EDITOR)
    return rule


def _edit(request: HttpRequest, rule: AlertRule) -> HttpResponse:
    devices = list(devices_of(request, Role.EDITOR))
    if not devices:
        return redirect("web:rules")
    sites = sites_of(request, Role.EDITOR)
    title, is_new = rule_name(rule), not rule.pk
    before = {} if is_new else words_of(rule)
    initial = {"place": f"device-{request.GET.get('device', devices[0].pk)}"} if is_new else {}
    data: QueryDict | None = request.POST or None
    deed = request.POST.get("do", "")
    note = ""
    if deed == "propose":
        data = _with_proposal(request.POST, devices)
        note = str(NO_PROPOSAL) if data is None else ""
        data = data or request.POST
    form = RuleForm(data, instance=rule, devices=devices, sites=sites, initial=initial)
    tried: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        ready = form.rule()
        if deed in {"try", "propose"}:
            tried = _try(ready, devices)
        else:
            ready.save()
            if not ready.is_enabled:
                retire(ready, timezone.now())
            told = [] if is_new else changes(before, words_of(ready))
            note_rule(request, ready, "made" if is_new else "changed", told)
            messages.success(request, _("%(name)s is saved.") % {"name": rule_name(ready)})
            return _to_list(ready)
    context = {
        "form": form,
        "rule": rule,
        "title": title,
        "is_new": is_new,
        "tried": tried,
        "note": note,
        "narrow": NARROW,
    }
    return render(request, "web/alerts/rule.html", context)


def _try(rule: AlertRule, devices: list[Device]) -> dict[str, Any]:
    """Return what a rule would have done, in words."""
    if rule.metric not in TRIED_METRICS:
        return {"text": _("This kind of rule cannot be tried on what was measured."), "lines": []}
    device = rule.device or next((one for one in devices if one.site_id == rule.site_id), None)
    if device is None:
        return {"text": _("This site has no device to try it on."), "lines": []}
    found = preview(rule, device, timezone.now())
    return {
        "text": preview_payload(found)["text"],
        "lines": episode_lines(found, rule.metric, device.site.zone),
        "of": device.name,
        "count": found.incidents,
    }


def _with_proposal(posted: QueryDict, devices: list[Device]) -> QueryDict | None:
    """Return the form's data with a limit that would have fired at most once a week.

    None where too little was measured to say.
    """
    data = posted.copy()
    place = data.get("place", "")
    device = next(
        (one for one in devices if place in {f"device-{one.pk}", f"site-{one.site_id}"}), None
    )
    comparison = data.get("comparison", "")
    limit = None
    if device is not None:
        limit = propose(device, data.get("metric", ""), comparison, timezone.now())
    if limit is None:
        return None
    is_above = comparison == AlertRule.Comparison.ABOVE
    share = RECOVERY_SHARE if is_above else 1 / RECOVERY_SHARE
    data["threshold"], data["recovery_threshold"] = (
        f"{limit:.12g}",
        f"{round(limit * share, 3):.12g}",
    )
    return data


def _shown(rule: AlertRule) -> dict[str, Any]:
    details = [recovery_sentence(rule), quiet_text(rule)]
    return {
        "rule": rule,
        "name": rule_name(rule),
        "sentence": rule_sentence(rule),
        "details": " · ".join(filter(None, details)),
        "tone": TONES[Severity(rule.severity)],
        "severity": Severity(rule.severity).label,
    }
