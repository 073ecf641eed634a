"""The API's addresses. `energy-data/` is answered before Django (`wattkeep.asgi`)."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

import wattkeep.api.authentication_schema  # noqa: F401 - known by being imported
from wattkeep.api import (
    alert_views,
    board,
    board_views,
    channel_views,
    correction_views,
    export_views,
    exports,
    figure_views,
    overview,
    token_views,
    views,
)
from wattkeep.api.sharing_urls import urlpatterns as sharing_urls

app_name = "api"

# The package's own page has styles inline, which our policy does not allow.
docs = SpectacularSwaggerSplitView.as_view(url_name="api:schema", template_name="web/api_docs.html")

urlpatterns = [
    path("realtime/<int:device_id>/", views.RealtimeView.as_view(), name="realtime"),
    path("dashboard/<int:device_id>/", views.DashboardView.as_view(), name="dashboard"),
    path("v1/devices/", views.DevicesView.as_view(), name="devices"),
    path("v1/devices/<int:device_id>/", views.DeviceView.as_view(), name="device"),
    path("v1/devices/<int:device_id>/key/", views.DeviceKeyView.as_view(), name="device-key"),
    path(
        "v1/devices/<int:device_id>/consumption/",
        figure_views.DeviceConsumptionView.as_view(),
        name="device-consumption",
    ),
    path(
        "v1/devices/<int:device_id>/series/",
        figure_views.DeviceSeriesView.as_view(),
        name="device-series",
    ),
    path(
        "v1/devices/<int:device_id>/events/",
        figure_views.DeviceEventsView.as_view(),
        name="device-events",
    ),
    path(
        "v1/devices/<int:device_id>/why/",
        figure_views.DeviceWhyView.as_view(),
        name="device-why",
    ),
    path(
        "v1/devices/<int:device_id>/corrections/",
        correction_views.DeviceCorrectionsView.as_view(),
        name="device-corrections",
    ),
    path(
        "v1/devices/<int:device_id>/corrections/<int:correction_id>/",
        correction_views.DeviceCorrectionView.as_view(),
        name="device-correction",
    ),
    path(
        "v1/devices/<int:device_id>/swap/",
        correction_views.DeviceSwapView.as_view(),
        name="device-swap",
    ),
    path(
        "v1/sites/<int:site_id>/corrections/",
        correction_views.SiteCorrectionsView.as_view(),
        name="site-corrections",
    ),
    path(
        "v1/devices/<int:device_id>/readings.csv",
        exports.ReadingsCsvView.as_view(),
        name="device-readings-csv",
    ),
    path(
        "v1/devices/<int:device_id>/slots.csv",
        exports.SlotsCsvView.as_view(),
        name="device-slots-csv",
    ),
    path("v1/exports/", export_views.ExportsView.as_view(), name="exports"),
    path("v1/exports/<int:export_id>/", export_views.ExportView.as_view(), name="export"),
    path(
        "v1/exports/<int:export_id>/file.gz",
        export_views.ExportFileView.as_view(),
        name="export-file",
    ),
    path(
        "v1/sites/<int:site_id>/consumption/",
        figure_views.SiteConsumptionView.as_view(),
        name="site-consumption",
    ),
    path(
        "v1/sites/<int:site_id>/series/",
        figure_views.SiteSeriesView.as_view(),
        name="site-series",
    ),
    path(
        "v1/sites/<int:site_id>/overview/",
        overview.SiteOverviewView.as_view(),
        name="site-overview",
    ),
    path("v1/devices/<int:device_id>/board/", board_views.BoardView.as_view(), name="board"),
    path(
        "v1/devices/<int:device_id>/board/commands/",
        board_views.BoardCommandsView.as_view(),
        name="board-commands",
    ),
    path(
        "v1/devices/<int:device_id>/board/commands/<int:command_id>/",
        board_views.BoardCommandView.as_view(),
        name="board-command",
    ),
    path("board/sync/", board.sync, name="board-sync"),
    path("board/file/", board.file, name="board-file"),
    path("v1/alerts/", alert_views.IncidentsView.as_view(), name="alerts"),
    path("v1/alerts/<int:alert_id>/", alert_views.IncidentView.as_view(), name="alert"),
    path(
        "v1/alerts/<int:alert_id>/acknowledge/",
        alert_views.AcknowledgeView.as_view(),
        name="alert-acknowledge",
    ),
    path("v1/alerts/<int:alert_id>/snooze/", alert_views.SnoozeView.as_view(), name="alert-snooze"),
    path(
        "v1/alerts/<int:alert_id>/resolve/", alert_views.ResolveView.as_view(), name="alert-resolve"
    ),
    path("v1/rules/", alert_views.RulesView.as_view(), name="rules"),
    path("v1/rules/preview/", alert_views.RulePreviewView.as_view(), name="rule-preview"),
    path("v1/rules/propose/", alert_views.RuleProposeView.as_view(), name="rule-propose"),
    path("v1/rules/<int:rule_id>/", alert_views.RuleView.as_view(), name="rule"),
    path("v1/tokens/", token_views.TokensView.as_view(), name="tokens"),
    path("v1/tokens/<int:token_id>/", token_views.TokenView.as_view(), name="token"),
    path("v1/channels/", channel_views.ChannelsView.as_view(), name="channels"),
    path("v1/channels/<int:channel_id>/", channel_views.ChannelView.as_view(), name="channel"),
    path(
        "v1/channels/<int:channel_id>/test/",
        channel_views.ChannelTestView.as_view(),
        name="channel-test",
    ),
    path("v1/notifications/", channel_views.NotificationsView.as_view(), name="notifications"),
    path("v1/notifications/browser/", channel_views.NoticesView.as_view(), name="notices"),
    path(
        "v1/notifications/<int:notification_id>/retry/",
        channel_views.NotificationRetryView.as_view(),
        name="notification-retry",
    ),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", docs, name="docs"),
    *sharing_urls,
]
