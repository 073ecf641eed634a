"""Requests for incidents and rules; every one sees those of its own user's devices and sites."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response

from wattkeep.alerts.incidents import acknowledge, incidents_of, resolve, retire, snooze
from wattkeep.alerts.notify import site_of
from wattkeep.alerts.preview import RECOVERY_SHARE, preview, propose
from wattkeep.alerts.rules import rules_of
from wattkeep.alerts.wording import duration
from wattkeep.api.access import OwnView, device_or_404, require
from wattkeep.api.alert_serializers import (
    IncidentPageSerializer,
    IncidentQuerySerializer,
    IncidentSerializer,
    PreviewSerializer,
    ProposalSerializer,
    ProposeQuerySerializer,
    RuleSerializer,
    RulesQuerySerializer,
    SnoozeSerializer,
)
from wattkeep.api.audited import note_incident, note_rule, place_of
from wattkeep.api.payloads import alert_row, iso
from wattkeep.domain.instants import from_ms
from wattkeep.monitoring.access import principal_of
from wattkeep.monitoring.audit import changes, words_of
from wattkeep.monitoring.models import AlertRule, Role

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import User
    from django.db.models import QuerySet
    from rest_framework.request import Request

    from wattkeep.alerts.preview import Preview
    from wattkeep.monitoring.models import Alert

EPISODES_SHOWN = 50


def incident_row(alert: Alert, now: datetime) -> dict[str, Any]:
    """Return one incident with its course."""
    site_id = alert.device.site_id if alert.device else alert.site_id
    return {
        **alert_row(alert),
        "device": alert.device_id,
        "site": site_id,
        "rule": alert.rule_id,
        "peak_value": alert.peak_value,
        "last_value": alert.last_value,
        "last_at": iso(alert.last_at),
        "noticed_at": iso(alert.noticed_at),
        "duration_s": ((alert.resolved_at or now) - alert.created_at).total_seconds(),
        "is_flapping": alert.is_flapping,
        "relapses": alert.relapses,
        "cause": alert.cause,
        "muted_by": alert.muted_by_id,
        "acknowledged_at": iso(alert.acknowledged_at),
        "acknowledged_by": _name(alert.acknowledged_by),
        "snoozed_until": iso(alert.snoozed_until),
        "snoozed_by": _name(alert.snoozed_by),
        "resolved_by": _name(alert.resolved_by),
    }


def preview_payload(found: Preview) -> dict[str, Any]:
    """Return what a rule would have done, and a sentence for people."""
    return {
        "incidents": found.incidents,
        "days": found.days,
        "longest_s": found.longest_s,
        "text": _sentence(found),
        "episodes": [
            {
                "start": iso(from_ms(one.start_ms)),
                "end": None if one.end_ms is None else iso(from_ms(one.end_ms)),
                "peak": one.peak,
            }
            for one in found.episodes[-EPISODES_SHOWN:]
        ],
    }


class IncidentsView(OwnView):
    """One's incidents."""

    @extend_schema(
        operation_id="v1_alerts_list",
        parameters=[IncidentQuerySerializer],
        responses={200: IncidentPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        query = IncidentQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        found = list(_filtered(incidents_of(principal_of(request)), wanted)[: wanted["limit"] + 1])
        page, now = found[: wanted["limit"]], timezone.now()
        return Response(
            {
                "results": [incident_row(alert, now) for alert in page],
                "next_before": page[-1].pk if len(found) > len(page) else None,
            }
        )


class IncidentView(OwnView):
    """One incident."""

    @extend_schema(responses={200: IncidentSerializer})
    def get(self, request: Request, alert_id: int) -> Response:
        """Return it with its course."""
        return _answer(_incident_or_404(request, alert_id))


class AcknowledgeView(OwnView):
    """Somebody takes care of an incident."""

    @extend_schema(request=None, responses={200: IncidentSerializer})
    def post(self, request: Request, alert_id: int) -> Response:
        """Note who, and send no more about it but that it is over."""
        alert = _incident_or_404(request, alert_id, Role.EDITOR)
        acknowledge(alert, _user(request), timezone.now())
        note_incident(request, alert, "acknowledged")
        return _answer(alert)


class SnoozeView(OwnView):
    """An incident is to be quiet for a while."""

    @extend_schema(request=SnoozeSerializer, responses={200: IncidentSerializer})
    def post(self, request: Request, alert_id: int) -> Response:
        """Send nothing about it for so many hours."""
        alert = _incident_or_404(request, alert_id, Role.EDITOR)
        body = SnoozeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        now = timezone.now()
        until = now + timedelta(hours=body.validated_data["hours"])
        snooze(alert, _user(request), until, now)
        note_incident(request, alert, "snoozed")
        return _answer(alert)


class ResolveView(OwnView):
    """An incident is over because somebody says so."""

    @extend_schema(request=None, responses={200: IncidentSerializer})
    def post(self, request: Request, alert_id: int) -> Response:
        """Close it; it opens again only after it has been over."""
        alert = _incident_or_404(request, alert_id, Role.EDITOR)
        resolve(alert, _user(request), timezone.now())
        note_incident(request, alert, "resolved")
        return _answer(_incident_or_404(request, alert_id))


class RulesView(OwnView):
    """One's rules."""

    @extend_schema(
        operation_id="v1_rules_list",
        parameters=[RulesQuerySerializer],
        responses={200: RuleSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """List them; with device= those of one device and its site."""
        query = RulesQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        rules = rules_of(principal_of(request))
        if "device" in query.validated_data:
            device = device_or_404(request, query.validated_data["device"])
            rules = rules.filter(Q(device=device) | Q(site=device.site_id))
        return Response(RuleSerializer(rules, many=True, context={"request": request}).data)

    @extend_schema(request=RuleSerializer, responses={201: RuleSerializer})
    def post(self, request: Request) -> Response:
        """Make one."""
        serializer = RuleSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        note_rule(request, serializer.save(), "made")
        return Response(serializer.data, status=status.HTTP_201_CREATED)


class RuleView(OwnView):
    """One rule."""

    @extend_schema(responses={200: RuleSerializer})
    def get(self, request: Request, rule_id: int) -> Response:
        """Return it."""
        rule = _rule_or_404(request, rule_id)
        return Response(RuleSerializer(rule, context={"request": request}).data)

    @extend_schema(request=RuleSerializer(partial=True), responses={200: RuleSerializer})
    def patch(self, request: Request, rule_id: int) -> Response:
        """Change what is sent, leave the rest; every process follows within seconds."""
        rule = _rule_or_404(request, rule_id, Role.EDITOR)
        before = words_of(rule)
        serializer = RuleSerializer(
            rule, data=request.data, partial=True, context={"request": request}
        )
        serializer.is_valid(raise_exception=True)
        serializer.save()
        if not rule.is_enabled:
            retire(rule, timezone.now())
        note_rule(request, rule, "changed", changes(before, words_of(rule)))
        return Response(serializer.data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, rule_id: int) -> Response:
        """Delete it; its incidents stay, closed."""
        rule = _rule_or_404(request, rule_id, Role.EDITOR)
        retire(rule, timezone.now())
        rule.delete()
        note_rule(request, rule, "deleted")
        return Response(status=status.HTTP_204_NO_CONTENT)


class RulePreviewView(OwnView):
    """What a rule would have done."""

    @extend_schema(request=RuleSerializer, responses={200: PreviewSerializer})
    def post(self, request: Request) -> Response:
        """Return how often this rule, unsaved, would have fired in the device's last 30 days.

        For a site's rule the figures are those of its first device.
        """
        serializer = RuleSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        rule = AlertRule(**serializer.validated_data)
        device = rule.device or (rule.site.devices.first() if rule.site else None)
        if device is None:
            raise Http404
        return Response(preview_payload(preview(rule, device, timezone.now())))


class RuleProposeView(OwnView):
    """A threshold that suits a device."""

    @extend_schema(parameters=[ProposeQuerySerializer], responses={200: ProposalSerializer})
    def get(self, request: Request) -> Response:
        """Return the keenest threshold that would have made at most one incident a week."""
        query = ProposeQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        device = device_or_404(request, wanted["device"])
        found = propose(device, wanted["metric"], wanted["comparison"], timezone.now())
        share = RECOVERY_SHARE if wanted["comparison"] == "above" else 1 / RECOVERY_SHARE
        recovery = None if found is None else round(found * share, 3)
        return Response({"threshold": found, "recovery_threshold": recovery})


def _filtered(alerts: QuerySet[Alert], wanted: dict[str, Any]) -> QuerySet[Alert]:
    """Return what a query asks for, newest first."""
    if wanted.get("open") is not None:
        alerts = alerts.filter(is_resolved=not wanted["open"])
    if "device" in wanted:
        alerts = alerts.filter(device_id=wanted["device"])
    if "site" in wanted:
        alerts = alerts.filter(Q(site_id=wanted["site"]) | Q(device__site_id=wanted["site"]))
    if "rule" in wanted:
        alerts = alerts.filter(rule_id=wanted["rule"])
    if "alert_type" in wanted:
        alerts = alerts.filter(alert_type=wanted["alert_type"])
    if "severity" in wanted:
        alerts = alerts.filter(severity__gte=wanted["severity"])
    if "since" in wanted:
        alerts = alerts.filter(Q(is_resolved=False) | Q(resolved_at__gte=wanted["since"]))
    if "before" in wanted:
        edge = alerts.model.objects.filter(pk=wanted["before"]).values("created_at")
        alerts = alerts.filter(
            Q(created_at__lt=edge[:1]) | Q(created_at=edge[:1], pk__lt=wanted["before"])
        )
    return alerts.order_by("-created_at", "-id")


def _incident_or_404(request: Request, alert_id: int, at_least: Role = Role.VIEWER) -> Alert:
    alert = incidents_of(principal_of(request)).filter(pk=alert_id).first()
    if alert is None:
        raise Http404
    require(request, alert.device or site_of(alert), at_least)
    return alert


def _rule_or_404(request: Request, rule_id: int, at_least: Role = Role.VIEWER) -> AlertRule:
    rule = rules_of(principal_of(request)).filter(pk=rule_id).first()
    if rule is None:
        raise Http404
    require(request, place_of(rule), at_least)
    return rule


def _answer(alert: Alert) -> Response:
    return Response(incident_row(alert, timezone.now()))


def _user(request: Request) -> User:
    return request.user  # type: ignore[return-value]


def _name(user: User | None) -> str | None:
    return None if user is None else user.get_username()


def _sentence(found: Preview) -> str:
    if not found.days:
        return _("There are no readings of the last 30 days to try it on.")
    if not found.incidents:
        return ngettext(
            "It would not have fired on the %(days)s day with readings.",
            "It would not have fired on the %(days)s days with readings.",
            found.days,
        ) % {"days": found.days}
    times = _("once") if found.incidents == 1 else _("%(count)s times") % {"count": found.incidents}
    fired = ngettext(
        "It would have fired %(times)s on the %(days)s day with readings",
        "It would have fired %(times)s on the %(days)s days with readings",
        found.days,
    ) % {"times": times, "days": found.days}
    if not found.longest_s:
        return f"{fired}."
    longest = _("for %(time)s at the longest") % {"time": duration(found.longest_s)}
    return f"{fired}, {longest}."
