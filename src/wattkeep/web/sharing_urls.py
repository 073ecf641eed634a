"""The pages' addresses of sharing and of the audit log; `v/` needs no account."""

from django.urls import path

from wattkeep.api import link_views
from wattkeep.web.views import audit, links, members, shared

urlpatterns = [
    path("sharing/", members.sharing, name="sharing"),
    path("sharing/everything/", members.everything, name="everything"),
    path("sharing/audit/", audit.audit_log, name="audit"),
    path(
        "sharing/invitations/<int:invitation_id>/",
        members.invitation_answer,
        name="invitation_answer",
    ),
    path("sharing/<int:site_id>/members/", members.site_members, name="site_members"),
    path("sharing/<int:site_id>/members/<int:member_id>/", members.member_act, name="member_act"),
    path(
        "sharing/<int:site_id>/invitations/<int:invitation_id>/",
        members.invitation_withdraw,
        name="invitation_withdraw",
    ),
    path("sharing/<int:site_id>/links/", links.site_links, name="site_links"),
    path("sharing/<int:site_id>/links/<int:link_id>/", links.link_revoke, name="link_revoke"),
    path("join/<str:token>/", members.join, name="join"),
    path("v/<str:token>/", shared.shared, name="shared"),
    path("v/<str:token>/devices/", link_views.LinkDevicesView.as_view(), name="shared_devices"),
    path(
        "v/<str:token>/devices/<int:device_id>/realtime/",
        link_views.LinkRealtimeView.as_view(),
        name="shared_realtime",
    ),
    path(
        "v/<str:token>/devices/<int:device_id>/dashboard/",
        link_views.LinkDashboardView.as_view(),
        name="shared_dashboard",
    ),
    path(
        "v/<str:token>/devices/<int:device_id>/series/",
        link_views.LinkSeriesView.as_view(),
        name="shared_series",
    ),
    path(
        "v/<str:token>/sites/<int:site_id>/overview/",
        link_views.LinkOverviewView.as_view(),
        name="shared_overview",
    ),
]
