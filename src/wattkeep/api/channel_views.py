"""Requests for channels and messages; every one sees those of its own user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response

from wattkeep.alerts.notify_channels import set_address
from wattkeep.alerts.outbox_state import (
    for_browser,
    notifications_of,
    outcome_text,
    retry,
    state_of,
    try_channel,
    undelivered_of,
)
from wattkeep.alerts.reports_queue import set_reports
from wattkeep.api.access import OwnView
from wattkeep.api.channel_serializers import (
    ChannelSerializer,
    NoticeQuerySerializer,
    NoticesSerializer,
    NotificationQuerySerializer,
    NotificationSerializer,
    TestSerializer,
)
from wattkeep.api.payloads import iso
from wattkeep.monitoring.audit import Subject, changes, note, words_of
from wattkeep.monitoring.models import NotificationChannel

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

    from wattkeep.monitoring.models import Notification

NOTICE_LENGTH = 300
TOLD_OF_CHANNELS = ("name", "url_shown", "minimum_severity", "is_enabled", "daily_cap")


def channels_of(user: Any) -> QuerySet[NotificationChannel]:
    """Return the channels of `user`."""
    channels = NotificationChannel.objects.filter(user=user)
    return channels.prefetch_related("sites", "reports")


class ChannelsView(OwnView):
    """One's channels."""

    @extend_schema(operation_id="v1_channels_list", responses={200: ChannelSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List them; of their addresses only what is no secret."""
        found = channels_of(request.user)
        return Response(ChannelSerializer(found, many=True, context={"request": request}).data)

    @extend_schema(request=ChannelSerializer, responses={201: ChannelSerializer})
    def post(self, request: Request) -> Response:
        """Make one."""
        serializer = ChannelSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        channel = _save(serializer, NotificationChannel(user=request.user))  # type: ignore[misc]  # authenticated
        note(request, Subject.CHANNEL, "added", name=channel.name, details=channel.url_shown)
        return Response(_row(request, channel), status=status.HTTP_201_CREATED)


class ChannelView(OwnView):
    """One channel."""

    @extend_schema(responses={200: ChannelSerializer})
    def get(self, request: Request, channel_id: int) -> Response:
        """Return it."""
        return Response(_row(request, _channel_or_404(request, channel_id)))

    @extend_schema(request=ChannelSerializer(partial=True), responses={200: ChannelSerializer})
    def patch(self, request: Request, channel_id: int) -> Response:
        """Change what is sent, leave the rest; a new address replaces the old one."""
        channel = _channel_or_404(request, channel_id)
        serializer = ChannelSerializer(
            channel, data=request.data, partial=True, context={"request": request}
        )
        serializer.is_valid(raise_exception=True)
        before = words_of(channel, TOLD_OF_CHANNELS)
        saved = _save(serializer, channel)
        told = changes(before, words_of(saved, TOLD_OF_CHANNELS))
        note(request, Subject.CHANNEL, "changed", name=saved.name, details=told)
        return Response(_row(request, saved))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, channel_id: int) -> Response:
        """Delete it with what waits for it."""
        channel = _channel_or_404(request, channel_id)
        channel.delete()
        note(request, Subject.CHANNEL, "deleted", name=channel.name)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ChannelTestView(OwnView):
    """A channel's test."""

    @extend_schema(request=None, responses={200: TestSerializer})
    def post(self, request: Request, channel_id: int) -> Response:
        """Send a test message and say what happened; it may take 15 seconds."""
        channel = _channel_or_404(request, channel_id)
        outcome = try_channel(channel, timezone.now())
        text = outcome_text(channel, outcome)
        return Response({"is_taken": not outcome.error, "text": text})


class NotificationsView(OwnView):
    """One's messages."""

    @extend_schema(
        operation_id="v1_notifications_list",
        parameters=[NotificationQuerySerializer],
        responses={200: NotificationSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """List them, newest first; with undelivered= those that did not get through."""
        query = NotificationQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        rows = notifications_of(request.user)
        if wanted["undelivered"]:
            rows = undelivered_of(request.user, timezone.now())
        if "alert" in wanted:
            rows = rows.filter(alert_id=wanted["alert"])
        return Response([_notification(row) for row in rows[: wanted["limit"]]])


class NotificationRetryView(OwnView):
    """A message that did not get through."""

    @extend_schema(request=None, responses={200: NotificationSerializer})
    def post(self, request: Request, notification_id: int) -> Response:
        """Try it again now."""
        row = notifications_of(request.user).filter(pk=notification_id).first()
        if row is None:
            raise Http404
        retry(row, timezone.now())
        row.refresh_from_db()
        return Response(_notification(row))


class NoticesView(OwnView):
    """What an open page shows by itself."""

    @extend_schema(parameters=[NoticeQuerySerializer], responses={200: NoticesSerializer})
    def get(self, request: Request) -> Response:
        """Return what the browser channels got after a number, of the last hour."""
        query = NoticeQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        after = query.validated_data["after"]
        rows = list(for_browser(request.user, after, timezone.now()))
        # Several rows that went out together are one message.
        told = {row.claim: row for row in rows}
        notices = [
            {
                "id": row.pk,
                "title": row.subject,
                "body": row.body.partition("\n\n")[0][:NOTICE_LENGTH],
                "alert": row.alert_id,
            }
            for row in told.values()
        ]
        return Response({"last": rows[-1].pk if rows else after, "notices": notices})


def _save(serializer: ChannelSerializer, channel: NotificationChannel) -> NotificationChannel:
    values = dict(serializer.validated_data)
    sites, reports = values.pop("sites", None), values.pop("reports", None)
    url = values.pop("url", None)
    for name, value in values.items():
        setattr(channel, name, value)
    if url:
        set_address(channel, url)
    with transaction.atomic():
        channel.save()
        if sites is not None:
            channel.sites.set(sites)
        if reports is not None:
            set_reports(channel, reports, timezone.now())
    return channel


def _row(request: Request, channel: NotificationChannel) -> Any:
    found = channels_of(request.user).get(pk=channel.pk)
    return ChannelSerializer(found, context={"request": request}).data


def _channel_or_404(request: Request, channel_id: int) -> NotificationChannel:
    channel = channels_of(request.user).filter(pk=channel_id).first()
    if channel is None:
        raise Http404
    return channel


def _notification(row: Notification) -> dict[str, Any]:
    return {
        "id": row.pk,
        "channel": row.channel_id,
        "alert": row.alert_id,
        "kind": row.kind,
        "state": state_of(row),
        "subject": row.subject,
        "body": row.body,
        "created_at": iso(row.created_at),
        "not_before": iso(row.not_before),
        "attempts": row.attempts,
        "delivered_at": iso(row.delivered_at),
        "error": row.error,
    }
